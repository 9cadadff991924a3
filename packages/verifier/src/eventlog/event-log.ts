/**
 * What an event log is once it is read, whatever its format: a list of events, each with the
 * register it says it went into and what was extended there.
 *
 * Nothing here is trusted. A log is written by software on the machine and carried by its host;
 * only the replay against authenticated registers (`replay.ts`) says that the digests are the ones
 * that were extended, and only `payload.ts` says which payloads those digests stand for.
 *
 * @module
 */
import { MalformedEvidenceError } from '@vitrine/documents/evidence';

/** Hash algorithms that event logs name (TCG Algorithm Registry). */
export type HashName = 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'sm3-256';

/** Banks that can be replayed. */
export type Bank = 'sha1' | 'sha256' | 'sha384';

/** Bytes of a digest. */
export const DIGEST_BYTES: Readonly<Record<HashName, number>> = {
  sha1: 20,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  'sm3-256': 32,
};

/** By identifier of the TCG Algorithm Registry. */
export const HASH_BY_ID: ReadonlyMap<number, HashName> = new Map([
  [0x0004, 'sha1'],
  [0x000b, 'sha256'],
  [0x000c, 'sha384'],
  [0x000d, 'sha512'],
  [0x0012, 'sm3-256'],
]);

/**
 * `tcg`: a TPM's firmware log. `ccel`: the same structures for RTMRs (UEFI 2.10, section 38).
 * `cel`: CEL-TLV. `dstack`: the JSON list of a dstack guest agent.
 */
export type EventLogFormat = 'tcg' | 'ccel' | 'cel' | 'dstack';

/** What stood behind an event. Which part of it the digest covers is decided in `payload.ts`. */
export type EventContent =
  | { readonly kind: 'tcg'; readonly type: number; readonly data: Uint8Array<ArrayBuffer> }
  | {
      readonly kind: 'runtime';
      readonly version: 1 | 2;
      readonly name: string;
      readonly payload: Uint8Array<ArrayBuffer>;
      /** What the log says was hashed. */
      readonly preimage?: Uint8Array<ArrayBuffer>;
    }
  | {
      readonly kind: 'cos';
      readonly type: number;
      readonly payload: Uint8Array<ArrayBuffer>;
      /** The content as it stands in the log, type and length included: what is hashed. */
      readonly encoded: Uint8Array<ArrayBuffer>;
    };

export interface LogEvent {
  /** `pcr0` to `pcr23` or `rtmr0` to `rtmr3`; `none` for an event of a CCEL that is not about an RTMR. */
  readonly register: string;
  /** False for EV_NO_ACTION, which is information only. */
  readonly extended: boolean;
  /** By bank. Empty only for runtime events of dstack, whose digest follows from their content. */
  readonly digests: ReadonlyMap<HashName, Uint8Array<ArrayBuffer>>;
  readonly content: EventContent;
}

export interface EventLog {
  readonly format: EventLogFormat;
  readonly registers: 'pcr' | 'rtmr';
  /** The banks that every event of the log has a digest for. */
  readonly banks: readonly HashName[];
  /** Locality of TPM2_Startup, the last byte of PCR 0 before the first extension (PFP, EV_NO_ACTION). */
  readonly startupLocality: 0 | 3 | 4;
  /** In the order of the log. */
  readonly events: readonly LogEvent[];
}

/** Id of the check that a log fails which cannot be read. */
export const FORMAT_CHECK = 'eventlog.format';

/** The largest real log has 1 MiB, nearly all of it padding. */
export const MAX_LOG_BYTES: number = 2 * 1024 * 1024;
/** Real logs have up to 160 events. Bounds the work of a replay. */
export const MAX_EVENTS = 2048;

/** @throws MalformedEvidenceError always. */
export function malformed(problem: string, cause?: unknown): never {
  throw new MalformedEvidenceError(FORMAT_CHECK, `event log: ${problem}`, cause === undefined ? undefined : { cause });
}
