/**
 * What the exhaustive run changes bit by bit, and what may differ without showing.
 *
 * @module
 */
import type { Subject } from './subjects.ts';

export interface Positive {
  readonly name: string;
  /** What is changed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly subject: Subject;
  /** Bytes that may follow in any number, as the format has it. */
  readonly padding: readonly number[];
  /** What may differ and show nowhere. */
  readonly unmeasured: readonly Unmeasured[];
  /** One bit in so many is changed, a different one of each byte; all of them unless given. */
  readonly step?: number;
}

/** Bytes that no signature and no register covers, and that no claim comes from. */
export interface Unmeasured {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly ground: string;
}
