/**
 * The key service put together: root, keys, policies, what was spent, secrets, evidence.
 *
 * Whether there is an application root follows from the manifest alone, and so does everything that needs
 * it. A root that is there without its store is an error: it never becomes an empty store.
 *
 * @module
 */
import { createEvidenceService, type EvidenceService } from '@vitrine/attester';
import {
  type BootBinding,
  bootBindingShape,
  type Manifest,
  manifestDigest,
  needsAppRoot,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import { type AppRoot, openAppRoot, rewrapRoot } from '../app-root/app-root.ts';
import { requireRootTerms } from '../app-root/root-terms.ts';
import { createApprovalBook } from '../approval/approval-book.ts';
import { giverOf, receivedRoot } from '../handover/keyd-handover.ts';
import { loadPolicy } from '../policy/load.ts';
import type { LoadedPolicy } from '../policy/loaded-policy.ts';
import { type KeyRing, openKeyRing } from '../ring/key-ring.ts';
import { openSpendLedger, type SpendLedger } from '../spend/ledger.ts';
import { type LedgerStore, lastingLedgerStore, sealedLedgerStore } from '../spend/ledger-store.ts';
import { keyStatements } from '../statements/key-statements.ts';
import { CONFIRM_MS } from './confirm-request.ts';
import { type Connection, serveConnection } from './connection.ts';
import type { Gateway, Keyd, KeydOptions } from './contract.ts';
import { createInstanceKeys, type InstanceKeys } from './instance-keys.ts';
import { type OpenState, openState, requireState, STORE_NAME } from './open-state.ts';
import { serverRequests } from './server-requests.ts';
import { createSigner } from './signer.ts';
import { openStoredSecrets } from './stored-secrets.ts';

/** Requests that wait for approvers, in all and of one principal. */
const MAX_APPROVALS_OUT = 1000;
const MAX_APPROVALS_EACH = 50;
/** Nothing is written but what needs it. */
const NO_STORE: LedgerStore = {
  load: () => [],
  append: () => {
    throw new VitrineError('keys.no-store', 'there is no store for what keys spend');
  },
  remove: () => undefined,
};

/**
 * Opens the key service of one boot.
 *
 * @throws UsageError for a manifest whose policies do not load, for a root that is missing, is there already
 *   or does not open, for a release that is refused, `keys.store-missing`, and for a state that is not the newest by the
 *   anchor of the manifest, or an anchor that the platform has not; StateError for one that cannot be asked;
 *   StorageError for a store that does not open.
 */
export async function openKeyd(options: KeydOptions): Promise<Keyd> {
  const { manifest, now, randomBytes } = options;
  const policies = loadPolicies(manifest);
  if (options.release !== undefined && !needsAppRoot(manifest)) {
    throw new UsageError(
      'keys.release-refused',
      'the release is refused: the manifest has nothing that lasts, so nothing is handed on; start without it',
    );
  }
  if (manifest.anchor !== undefined && !needsAppRoot(manifest)) {
    throw new UsageError(
      'keys.anchor-unused',
      'the manifest names a freshness anchor, and has nothing that lasts; leave the anchor out',
    );
  }
  if (needsAppRoot(manifest)) requireRootTerms(manifest, options.platform.roots, options.platform.isSimulated);
  const isReceived = await receivedRoot(options);
  const root = needsAppRoot(manifest) ? await openRoot(options) : undefined;
  let state: OpenState | undefined;
  const opened: { close(): void }[] = root === undefined ? [] : [root];
  const closeAll = async (): Promise<void> => {
    await state?.close();
    for (const one of opened.splice(0).reverse()) one.close();
  };
  try {
    state = root === undefined ? undefined : await openState(options, root, isReceived);
    const ring = await openKeyRing({ keys: manifest.keys, randomBytes, ...(root === undefined ? {} : { root }) });
    opened.push(ring);
    const instanceKeys = createInstanceKeys(randomBytes);
    opened.push(instanceKeys);
    return await assemble({ ...options, policies, root, state, ring, instanceKeys, closeAll, now });
  } catch (error) {
    await closeAll();
    throw error;
  }
}

interface Parts extends KeydOptions {
  readonly policies: ReadonlyMap<string, LoadedPolicy>;
  readonly root: AppRoot | undefined;
  readonly state: OpenState | undefined;
  readonly ring: KeyRing;
  readonly instanceKeys: InstanceKeys;
  readonly closeAll: () => Promise<void>;
}

async function assemble(parts: Parts): Promise<Keyd> {
  const { manifest, platform, root, state, ring, instanceKeys, randomBytes, now, monotonic } = parts;
  const digest = await manifestDigest(manifest);
  const statements = await keyStatements(manifest.keys, ring, root);
  const secrets =
    state &&
    (await openStoredSecrets({
      manifest,
      manifestDigest: digest,
      state,
      ring,
      hpkePrivateKey: instanceKeys.hpkePrivateKey,
    }));
  let gateway: Gateway | undefined;
  const signer = createSigner({
    keys: manifest.keys,
    policies: parts.policies,
    ring,
    ledger: openLedger(parts),
    approvals: createApprovalBook({
      now,
      monotonic,
      randomBytes,
      limit: MAX_APPROVALS_OUT,
      limitEach: MAX_APPROVALS_EACH,
    }),
    manifestDigest: digest,
    isSimulated: platform.isSimulated,
    gateway: () => gateway,
    now,
    confirmMs: CONFIRM_MS,
  });
  const requests = {
    signer,
    ring,
    isShared: manifest.isolation === 'shared',
    randomBytes,
    ...(state !== undefined && manifest.store === 'sealed' ? { state } : {}),
  };
  const connections = new Map<string, Connection>();
  const admitted = new Set<string>();
  const volumeKeys = new Map<string, Uint8Array>();
  let binding: Promise<EvidenceService> | undefined;
  let isClosed = false;
  const handover = giverOf(parts, root, statements, () => binding);

  return {
    statements,
    survivesRestart: root !== undefined,
    rewrap: async () => {
      if (root === undefined)
        throw new UsageError('keys.no-root', 'nothing of this server lasts, so nothing is wrapped');
      await rewrapRoot(root);
    },
    outdated: state?.lasting.outdated ?? new Promise(() => undefined),
    ...(root === undefined ? {} : { appRoot: { id: root.id, isNew: root.isNew } }),
    ...(handover === undefined ? {} : { handover }),
    bind: (what) => {
      if (binding !== undefined)
        return Promise.reject(new VitrineError('keys.bound', 'the boot binding is made already'));
      binding = bindBoot(parts, statements, what);
      return binding;
    },
    attend: (answers) => {
      gateway = answers;
    },
    admit: (instance, socket) => {
      if (isClosed || admitted.has(instance.id)) {
        socket.destroy();
        throw new VitrineError(
          'keys.instance',
          `the instance ${instance.id} was admitted before, or the service is ending`,
        );
      }
      admitted.add(instance.id);
      const handle = serverRequests(requests, instance);
      connections.set(
        instance.id,
        serveConnection(socket, handle, () => connections.delete(instance.id)),
      );
    },
    dismiss: (instance) => connections.get(instance)?.close(),
    volumeKey: async (volume) => {
      if (root !== undefined) {
        return root.derive({ usage: 'volume', algorithm: 'aes256', name: volume, version: 1, scope: 'service' }, 32);
      }
      const key = volumeKeys.get(volume) ?? randomBytes(32);
      volumeKeys.set(volume, key);
      return Uint8Array.from(key);
    },
    credential: async (name) => secrets?.credential(name),
    acceptSecret: async (sealed) => {
      if (secrets !== undefined) return secrets.accept(sealed);
      throw new UsageError('secret.unknown', 'the manifest names nothing that is handed in');
    },
    signReceipt: async (payload) => instanceKeys.signReceipt(payload),
    close: async () => {
      isClosed = true;
      for (const connection of [...connections.values()]) connection.close();
      await parts.closeAll();
    },
  };
}

function loadPolicies(manifest: Manifest): ReadonlyMap<string, LoadedPolicy> {
  const isolated = manifest.isolation !== 'shared';
  const surroundings = { isolated, anchored: manifest.anchor !== undefined };
  return new Map(
    Object.entries(manifest.keys ?? {}).map(([name, spec]) => [name, loadPolicy(name, spec, surroundings)] as const),
  );
}

async function openRoot(options: KeydOptions): Promise<AppRoot> {
  const { manifest, platform, directory, genesis, release, randomBytes } = options;
  return openAppRoot({
    directory,
    appId: manifest.name,
    manifestDigest: await manifestDigest(manifest),
    manifestNumber: manifest.number,
    ...(manifest.upgrade === undefined ? {} : { upgrade: manifest.upgrade }),
    ...(release === undefined ? {} : { release }),
    sources: platform.roots,
    ...(platform.formerRoots === undefined ? {} : { formerSources: platform.formerRoots }),
    genesis,
    beforeRewrap: (root) => requireState(options, root),
    randomBytes,
  });
}

function openLedger({ manifest, policies, root, state, monotonic }: Parts): SpendLedger {
  const instanceKeys = Object.entries(manifest.keys ?? {}).filter(([, { origin }]) => origin === 'generated');
  const sealed = state && sealedLedgerStore(state.store, { tenant: STORE_NAME, collection: 'spent' });
  const anchored = state?.anchored;
  return openSpendLedger({
    store: sealed === undefined ? NO_STORE : anchored ? lastingLedgerStore(state.lasting, sealed) : sealed,
    limits: new Map([...policies].map(([name, { limits }]) => [name, limits] as const)),
    instanceKeys: new Set(instanceKeys.map(([name]) => name)),
    now: anchored?.clock.now ?? monotonic,
    isAnchored: anchored !== undefined,
    restarted: root?.isNew !== true,
  });
}

async function bindBoot(
  { manifest, platform, root, state, instanceKeys, randomBytes }: Parts,
  statements: Keyd['statements'],
  { tlsSpki, sandbox }: Parameters<Keyd['bind']>[0],
): Promise<EvidenceService> {
  const service = await createEvidenceService({
    source: platform.source,
    manifest,
    tlsSpki,
    sandbox,
    randomBytes,
    keys: {
      receiptKey: instanceKeys.receiptKey,
      ...(statements.length === 0 ? {} : { statements }),
      ...(root === undefined
        ? {}
        : {
            hpkeKey: instanceKeys.hpkePublicKey,
            appRoot: { id: root.id, sources: root.sources, ...copiesOf(state) },
          }),
    },
    ...(state === undefined ? {} : { state: async () => state.lasting.head() }),
  });
  const parsed = bootBindingShape.parse(structuredClone(service.bootBinding));
  if (!parsed.ok) throw new VitrineError('keys.binding', `the boot binding is malformed: ${parsed.issues[0]?.message}`);
  return service;
}

/** Whether another copy of the state would be noticed, as it is attested. */
function copiesOf(state: OpenState | undefined): Pick<NonNullable<BootBinding['appRoot']>, 'copies' | 'anchor'> {
  if (state?.anchored === undefined) return { copies: 'unbounded' };
  const { kind, rolledBackBy } = state.anchored.description;
  return { copies: 'anchored', anchor: { kind, rolledBackBy: [...rolledBackBy] } };
}
