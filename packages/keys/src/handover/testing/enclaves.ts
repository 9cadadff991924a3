/**
 * Simulated enclaves of one application for tests of hand-overs: a giver that runs, and receivers whose platform,
 * manifest or messages are wrong in one way.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { type Manifest, manifestDigest, type Release } from '@vitrine/documents';
import { simulatorAnchor } from '@vitrine/verifier';
import { type ForgedPki, type ForgedSourceOptions, forgePki, forgeSource } from '../../../../simulator/src/faults.ts';
import type { Keyd, KeydOptions } from '../../keyd/contract.ts';
import type { Platform } from '../../keyd/platform.ts';
import { fixedSource, manifestWith, openTestKeyd, temporaryDirectory } from '../../testing/open-test-keyd.ts';
import { releaseKey, signedBy } from '../../testing/release-keys.ts';
import type { Giver } from '../giver.ts';
import { createReceiver, type Receiver, type ReceiverOptions } from '../receiver.ts';

export const NOW: Date = new Date('2026-11-18T12:00:00Z');
/** The machine that all are in unless a test says otherwise. */
export const MACHINE: ForgedPki = forgePki({ now: NOW });

/** A derived key with a limit. */
export const KEYS: NonNullable<Manifest['keys']> = {
  wallet: {
    origin: 'derived',
    algorithm: 'ed25519',
    version: 1,
    policy: {
      rules: [{ id: 'any', effect: 'allow', action: 'sign', contexts: ['notes'] }],
      limits: [{ kind: 'rate', id: 'ten', window: 60, per: 'key', max: 10 }],
      copies: 'per-live-copy',
    },
  },
};

export const ADA: ReturnType<typeof releaseKey> = releaseKey(1);
export const EVE: ReturnType<typeof releaseKey> = releaseKey(2);
export const UPGRADE: NonNullable<Manifest['upgrade']> = { kind: 'signed', keys: [ADA.publicKey], threshold: 1 };

/** With something that lasts, and terms that hand over to everybody whom the checks admit. */
export function application(members: Partial<Manifest> = {}): Manifest {
  return manifestWith({
    server: {
      source: { kind: 'path', tree: '0'.repeat(96), entry: 'server.js' },
      args: [],
      environment: {},
      transport: 'stdio',
    },
    store: 'sealed',
    upgrade: UPGRADE,
    handover: { to: ['equal', 'release'], platforms: 'any' },
    ...members,
  });
}

/** Signed by `keys`, from one manifest to another. */
export async function releaseOf(
  from: Manifest,
  to: Manifest,
  changes: { readonly [side in 'from' | 'to']?: Partial<Release['to']> } = {},
  keys: readonly (typeof ADA)[] = [ADA],
): Promise<Release> {
  return signedBy(
    {
      name: from.name,
      from: { manifest: await manifestDigest(from), number: from.number, ...changes.from },
      to: { manifest: await manifestDigest(to), number: to.number, ...changes.to },
    },
    ...keys,
  );
}

export interface EnclaveFaults extends Omit<ForgedSourceOptions, 'manifestDigest'> {
  readonly pki?: ForgedPki;
  /** Measured in place of the manifest's. */
  readonly measured?: string;
  readonly platform?: Partial<Platform>;
}

/** A simulator that runs `manifest`. */
export async function platformFor(manifest: Manifest, faults: EnclaveFaults = {}): Promise<Platform> {
  const { pki = MACHINE, measured, platform, ...source } = faults;
  return {
    source: forgeSource(pki, { manifestDigest: measured ?? (await manifestDigest(manifest)), ...source }),
    roots: [fixedSource(`machine of ${manifest.number}`)],
    isSimulated: true,
    simulatorAnchors: [simulatorAnchor(pki.rootPem)],
    ...platform,
  };
}

export interface RunningGiver extends Pick<Giver, 'answer'> {
  readonly keyd: Keyd;
  /** Parsed. */
  ask(message: unknown, endorsements?: unknown): Promise<unknown>;
}

/** A key service after genesis, bound. */
export async function runGiver(
  manifest: Manifest = application(),
  faults: EnclaveFaults = {},
  changes: Partial<KeydOptions> = {},
): Promise<RunningGiver> {
  const keyd = await openTestKeyd(manifest, {
    platform: await platformFor(manifest, faults),
    directory: temporaryDirectory(),
    now: () => NOW,
    ...changes,
  });
  await bindKeyd(keyd);
  const { handover } = keyd;
  if (handover === undefined) throw new Error('the manifest has no terms');
  return {
    keyd,
    answer: handover.answer,
    ask: async (message, endorsements) => JSON.parse(await handover.answer(JSON.stringify(message), endorsements)),
  };
}

export async function bindKeyd(keyd: Keyd): Promise<void> {
  await keyd.bind({
    tlsSpki: createHash('sha256').update('tls').digest(),
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
  });
}

/** One attempt to receive. */
export async function receiverFor(
  manifest: Manifest = application(),
  faults: EnclaveFaults = {},
  changes: Partial<ReceiverOptions> = {},
): Promise<Receiver> {
  return createReceiver({
    manifest,
    platform: await platformFor(manifest, faults),
    now: () => NOW,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    ...changes,
  });
}

/** The whole exchange; the root as hexadecimal. */
export async function handOver(giver: RunningGiver, receiver: Receiver): Promise<{ id: string; root: string }> {
  const request = await receiver.request(await giver.ask(receiver.begin()));
  const { id, root } = await receiver.accept(await giver.ask(request));
  return { id, root: Buffer.from(root).toString('hex') };
}
