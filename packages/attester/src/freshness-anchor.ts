/**
 * Who remembers how far the sealed state of an application has got.
 *
 * The order of a change is: it is durable on the disk; the anchor moves; its effect leaves the enclave. So after a
 * crash the disk is at the anchor, or one step ahead of it, and whoever is behind it is an older copy.
 *
 * @module
 */

/** How far a store has got. */
export interface AnchoredHead {
  /** Commits so far. */
  readonly sequence: number;
  /** Over all of them, 64 lower-case hexadecimal digits. */
  readonly digest: string;
}

/** Between these it is, if whoever says so tells the truth. */
export interface WitnessedTime {
  readonly earliest: number;
  readonly latest: number;
}

/**
 * With which key an anchor is moved, so that whoever only reaches it cannot: Ed25519, derived from the application
 * root.
 */
export interface AnchorAccess {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export interface FreshnessAnchor {
  /** As the boot binding has it. */
  readonly description: { readonly kind: string; readonly rolledBackBy: readonly string[] };
  /** Whether it remembers digests, or as a counter does only the sequence. */
  readonly remembersDigests: boolean;
  /**
   * The newest head that it knows; `undefined` before the first. Of an anchor that only counts, `digest` is that of
   * {@link AnchoredHead} where it was told, else the empty string.
   *
   * @throws VitrineError `anchor.unavailable` where it cannot be asked.
   */
  read(): Promise<AnchoredHead | undefined>;
  /**
   * Moves it from one head to the next, or not at all.
   *
   * @throws VitrineError `anchor.conflict` where it is not at `from`: somebody else moved it, or state is older;
   *   `anchor.unavailable` where it cannot be asked, and it is not known whether it moved.
   */
  advance(from: AnchoredHead | undefined, to: AnchoredHead): Promise<void>;
  /**
   * What time it is, in milliseconds since 1970, as its last answer that was authenticated says; `undefined` before
   * one. Absent where it knows no time.
   */
  readonly time?: () => WitnessedTime | undefined;
  /** Idempotent. */
  close(): Promise<void>;
}
