/**
 * A launch document beside hardware evidence: does the evidence commit to it, and what does it say?
 *
 * It is loaded only for bundles that have one. Nothing that the document says counts before its digest is found in
 * the evidence: in a launch event of a log that replays to RTMR3 (dstack), or in MRCONFIGID or HOST_DATA
 * (Confidential Containers).
 *
 * @module
 */
import { digest, documentDigest, type LaunchDocument, toHex } from '@vitrine/documents/evidence';
import {
  carriedInitDataDigest,
  initDataDigest,
  LaunchError,
  parseAppCompose,
  parseInitData,
} from '@vitrine/documents/launch';
import type { AuthenticatedEvent } from '../eventlog/authenticated-event.ts';
import { type Attempt, attempt, type Difference, RefusalError, refuse } from '../refusal.ts';
import type { HardwareClaims } from '../technology.ts';

interface LaunchContent {
  /** SHA-384 of the manifest that the document starts the enclave with, hexadecimal. */
  readonly manifestDigest: string;
  /** What is started, by digest. */
  readonly images: readonly string[];
}

export interface LaunchJudgement {
  readonly kind: string;
  /** SHA-256 of the document, hexadecimal. */
  readonly digest: string;
  /** Values of registers that follow from the document, by name. */
  readonly explains: Readonly<Record<string, string>>;
  /** Why the evidence does not commit to the document; absent where it does. */
  readonly refusal?: Difference & { readonly message: string };
  /** What it says; only where the evidence commits to it, and refused where it could start other code. */
  readonly content?: Attempt<LaunchContent>;
}

export type LaunchClaims = Pick<HardwareClaims, 'technology' | 'registers'> & {
  /** What a log that replays to the registers says. */
  readonly events: readonly AuthenticatedEvent[];
};

/** What a document explains, and how to read it. */
interface Known {
  readonly explains: Readonly<Record<string, string>>;
  readonly read: () => LaunchContent | Promise<LaunchContent>;
}

const KINDS: Readonly<
  Record<string, (bytes: Uint8Array<ArrayBuffer>, sha256: string, claims: LaunchClaims) => Known | Promise<Known>>
> = { 'app-compose': commitAppCompose, 'init-data': commitInitData };

/** Judges a launch document against authenticated claims. */
export async function judgeLaunch({ kind, bytes }: LaunchDocument, claims: LaunchClaims): Promise<LaunchJudgement> {
  const sha256 = toHex(await digest('SHA-256', bytes));
  const commit = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  const committed = await attempt(() =>
    commit === undefined
      ? refuse('The launch document is of a kind that this release does not know', {
          expected: Object.keys(KINDS).join(' or '),
          actual: kind,
        })
      : commit(bytes, sha256, claims),
  );
  if (!committed.ok) {
    const { message, difference } = committed.refusal;
    return { kind, digest: sha256, explains: {}, refusal: { ...difference, message: `${message}.` } };
  }
  const { explains, read } = committed.value;
  return { kind, digest: sha256, explains, content: await attempt(() => refusing(read)) };
}

const BOOT_REGISTER = 'rtmr3';
const COMPOSE_EVENT = 'compose-hash';
const END_EVENT = 'system-ready';

/** dstack: the guest hashes the app-compose into RTMR3 before it hands over to it. */
function commitAppCompose(bytes: Uint8Array, sha256: string, { technology, registers, events }: LaunchClaims): Known {
  const actual = registers[BOOT_REGISTER];
  if (technology !== 'tdx' || actual === undefined) {
    refuse('Only TDX evidence commits to an app-compose here', { expected: 'tdx', actual: technology });
  }
  const launch = events.filter((event) => event.register === BOOT_REGISTER && event.type === 'dstack-runtime');
  if (launch.length === 0) {
    refuse('There is an app-compose, and no event log of dstack that replays to RTMR3', {
      expected: COMPOSE_EVENT,
      actual: 'no authenticated event',
    });
  }
  const composed = launch.filter(({ name }) => name === COMPOSE_EVENT);
  const [one] = composed;
  if (one === undefined || composed.length !== 1) {
    refuse(`The event log has not exactly one "${COMPOSE_EVENT}"`, { expected: '1', actual: String(composed.length) });
  }
  const before = launch.indexOf(one) < launch.findIndex(({ name }) => name === END_EVENT);
  if (one.origin !== 'platform' || !before) {
    refuse(`"${COMPOSE_EVENT}" does not stand before "${END_EVENT}", so anybody in the guest may have written it`);
  }
  if (one.payload !== sha256) {
    refuse('The app-compose is not the one that the guest launched', {
      expected: one.payload ?? 'a measured payload',
      actual: sha256,
    });
  }
  if (launch.some(({ name, origin }) => name === 'init-script-hash' && origin === 'platform')) {
    refuse('The guest ran a script before it launched the app-compose');
  }
  // Version 1 of dstack's configuration id: the version, and the digest of the app-compose.
  const configured = `01${sha256}${'00'.repeat(15)}`;
  return {
    // The replayed log stands for the whole register, whose other events differ for each instance.
    explains: { [BOOT_REGISTER]: actual, mrconfigid: configured },
    read: () => parseAppCompose(bytes),
  };
}

const CARRIERS = {
  tdx: { register: 'mrconfigid', length: 48 },
  snp: { register: 'hostdata', length: 32 },
} as const;

/** Confidential Containers: the host puts the digest of the init-data into the evidence at launch. */
async function commitInitData(
  bytes: Uint8Array<ArrayBuffer>,
  _sha256: string,
  { technology, registers }: LaunchClaims,
): Promise<Known> {
  if (technology !== 'tdx' && technology !== 'snp') {
    refuse('Only TDX and SEV-SNP evidence commits to init-data here', { expected: 'tdx or snp', actual: technology });
  }
  const { register, length } = CARRIERS[technology];
  // The platform cuts or fills the digest by its own specification, so both sides are compared in its form.
  const carried = await refusing(async () => carriedInitDataDigest(await initDataDigest(bytes), length));
  const expected = toHex(carried);
  const actual = registers[register];
  if (actual !== expected) {
    refuse(`The init-data is not what ${register} of the evidence has`, {
      expected,
      actual: actual ?? 'no such register',
    });
  }
  return {
    explains: { [register]: expected },
    read: async () => {
      const { manifest, policy } = parseInitData(bytes);
      return { manifestDigest: await documentDigest(manifest), images: policy.images.map(({ image }) => image) };
    },
  };
}

/** A document that says something else than what Vitrine is launched by is a reason to say no. */
async function refusing<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof LaunchError) throw new RefusalError(`The ${cause.message}`, {}, { cause });
    throw cause;
  }
}
