/**
 * An event that was extended into an authenticated register, as it stands in results.
 *
 * @module
 */

/**
 * `platform`: firmware, and launch events up to the end of the launch. `system`: boot loader and
 * operating system, which can also extend later. `application`: anything that runs in the guest.
 */
export type Origin = 'platform' | 'system' | 'application';

/** What a digest was found to stand for. */
export type Coverage = 'event-data' | 'variable-data' | 'command-text' | 'runtime-event' | 'cel-content';

/** An event whose digest an authenticated register stands for. Byte strings are lower-case hexadecimal. */
export interface AuthenticatedEvent {
  readonly register: string;
  readonly digest: string;
  /**
   * The TCG's name of the type, which is not measured: it only says how to read a payload whose
   * digest was recomputed. For launch events `dstack-runtime` or `cos`.
   */
  readonly type: string;
  /** The application extends registers too; what it writes says nothing about the platform. */
  readonly origin: Origin;
  /** The measured name of a launch event. */
  readonly name?: string;
  /** What the digest was found to stand for, and it; absent where only the digest is known. */
  readonly covers?: Coverage;
  readonly payload?: string;
}
