/**
 * The key service put together: root, keys, policies, what was spent, secrets, evidence.
 *
 * Whether there is an application root follows from the manifest alone, and so does everything that needs
 * it. A root that is there without its store is an error: it never becomes an empty store.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createEvidenceService, type EvidenceService } from '@vitrine/attester';
import {
  bootBindingShape,
  type Manifest,
  manifestDigest,
  needsAppRoot,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import { openSealedStore, type SealedStore } from '@vitrine/storage';
import { type AppRoot, openAppRoot } from '../app-root/app-root.ts';
import { createApprovalBook } from '../approval/approval-book.ts';
import { loadPolicy } from '../policy/load.ts';
import type { LoadedPolicy } from '../policy/loaded-policy.ts';
import { type KeyRing, openKeyRing } from '../ring/key-ring.ts';
import { openSpendLedger, type SpendLedger } from '../spend/ledger.ts';
import { type LedgerStore, sealedLedgerStore } from '../spend/ledger-store.ts';
import { keyStatements } from '../statements/key-statements.ts';
import { CONFIRM_MS } from './confirm-request.ts';
import { type Connection, serveConnection } from './connection.ts';
import type { Gateway, Keyd, KeydOptions } from './contract.ts';
import { createInstanceKeys, type InstanceKeys } from './instance-keys.ts';
import { serverRequests } from './server-requests.ts';
import { createSigner } from './signer.ts';
import { openStoredSecrets } from './stored-secrets.ts';

const STORE_FILE = 'store.sqlite';
const STORE_NAME = 'key-service';
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
 *   or does not open, for a release that is refused, and `keys.store-missing`; StorageError for a store that does not open.
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
  const root = needsAppRoot(manifest) ? await openRoot(options) : undefined;
  const opened: { close(): void }[] = root === undefined ? [] : [root];
  const closeAll = (): void => {
    for (const one of opened.splice(0).reverse()) one.close();
  };
  try {
    const store = root === undefined ? undefined : openStore(options, root);
    if (store !== undefined) opened.push(store);
    const ring = await openKeyRing({ keys: manifest.keys, randomBytes, ...(root === undefined ? {} : { root }) });
    opened.push(ring);
    const instanceKeys = createInstanceKeys(randomBytes);
    opened.push(instanceKeys);
    return await assemble({ ...options, policies, root, store, ring, instanceKeys, closeAll, now });
  } catch (error) {
    closeAll();
    throw error;
  }
}

interface Parts extends KeydOptions {
  readonly policies: ReadonlyMap<string, LoadedPolicy>;
  readonly root: AppRoot | undefined;
  readonly store: SealedStore | undefined;
  readonly ring: KeyRing;
  readonly instanceKeys: InstanceKeys;
  readonly closeAll: () => void;
}

async function assemble(parts: Parts): Promise<Keyd> {
  const { manifest, platform, root, store, ring, instanceKeys, randomBytes, now, monotonic } = parts;
  const digest = await manifestDigest(manifest);
  const statements = await keyStatements(manifest.keys, ring, root);
  const secrets =
    store &&
    (await openStoredSecrets({
      manifest,
      manifestDigest: digest,
      store,
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
    ...(store !== undefined && manifest.store === 'sealed' ? { store } : {}),
  };
  const connections = new Map<string, Connection>();
  const admitted = new Set<string>();
  const volumeKeys = new Map<string, Uint8Array>();
  let binding: Promise<EvidenceService> | undefined;
  let isClosed = false;

  return {
    statements,
    survivesRestart: root !== undefined,
    ...(root === undefined ? {} : { appRoot: { id: root.id, isNew: root.isNew } }),
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
      parts.closeAll();
    },
  };
}

function loadPolicies(manifest: Manifest): ReadonlyMap<string, LoadedPolicy> {
  const isolated = manifest.isolation !== 'shared';
  return new Map(
    Object.entries(manifest.keys ?? {}).map(([name, spec]) => [name, loadPolicy(name, spec, { isolated })] as const),
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
    genesis,
    randomBytes,
  });
}

function openStore({ manifest, directory, randomBytes }: KeydOptions, root: AppRoot): SealedStore {
  const file = join(directory, STORE_FILE);
  if (!root.isNew && !existsSync(file)) {
    throw new UsageError(
      'keys.store-missing',
      `${file} is missing, while the root of keys beside it is there; restore it: what was spent, credentials and documents are in it. If the very first start was interrupted, so that there never was one, remove ${directory} and start with --genesis again`,
    );
  }
  const key = root.derive({ usage: 'store', algorithm: 'aes256', name: STORE_NAME, version: 1, scope: 'service' }, 32);
  try {
    return openSealedStore({ file, key, name: STORE_NAME, create: root.isNew, epoch: manifest.number, randomBytes });
  } finally {
    key.fill(0);
  }
}

function openLedger({ manifest, policies, root, store, monotonic }: Parts): SpendLedger {
  const instanceKeys = Object.entries(manifest.keys ?? {}).filter(([, { origin }]) => origin === 'generated');
  return openSpendLedger({
    store: store === undefined ? NO_STORE : sealedLedgerStore(store, { tenant: 'key-service', collection: 'spent' }),
    limits: new Map([...policies].map(([name, { limits }]) => [name, limits] as const)),
    instanceKeys: new Set(instanceKeys.map(([name]) => name)),
    now: monotonic,
    restarted: root?.isNew !== true,
  });
}

async function bindBoot(
  { manifest, platform, root, instanceKeys, randomBytes }: Parts,
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
            appRoot: { id: root.id, sources: root.sources, copies: 'unbounded' as const },
          }),
    },
  });
  const parsed = bootBindingShape.parse(structuredClone(service.bootBinding));
  if (!parsed.ok) throw new VitrineError('keys.binding', `the boot binding is malformed: ${parsed.issues[0]?.message}`);
  return service;
}
