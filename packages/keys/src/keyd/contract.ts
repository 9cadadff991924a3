/**
 * The key service within its own process: what it is opened with, and what it does.
 *
 * @module
 */
import type { Duplex } from 'node:stream';
import type { Manifest } from '@vitrine/documents';
import type { GiverOptions } from '../handover/giver.ts';
import type { ReceiveOptions } from '../handover/receive-app-root.ts';
import type { GatewayAnswers, Instance, KeyService } from '../service.ts';
import type { Platform } from './platform.ts';

export interface KeydOptions {
  readonly manifest: Manifest;
  readonly platform: Platform;
  /** Where state is kept, as one who can write there alone. */
  readonly directory: string;
  /** Whether an application root may be made where there is none. */
  readonly genesis: boolean;
  /** Admits the manifest where the root is wrapped for a former one; judged where the root is opened. */
  readonly release?: unknown;
  /** The root comes from a running enclave; there must be none here. Excludes `genesis`. */
  readonly handover?: Pick<ReceiveOptions, 'exchange' | 'expectAppRoot'>;
  /** Why the receiver of a hand-over must not have the root; `undefined` where nothing is against it. */
  readonly denied?: GiverOptions['denied'];
  readonly now: () => Date;
  /** Milliseconds on a clock that is never set. */
  readonly monotonic: () => number;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
}

/** {@link GatewayAnswers}, where the gateway may be in another process. */
export interface Gateway extends Omit<GatewayAnswers, 'runningTools'> {
  runningTools(instance: string): readonly string[] | Promise<readonly string[]>;
}

/** The service as its process has it. */
export interface Keyd extends Omit<KeyService, 'attend' | 'admit' | 'failed'> {
  attend(gateway: Gateway): void;
  /** Serves the instance over its socket until either ends. @throws VitrineError for an instance that was admitted before. */
  admit(instance: Instance, socket: Duplex): void;
  /**
   * Resolves when the state turned out not to be the newest any more: nothing is signed or stored from then on, and
   * every request says why. Otherwise it never settles.
   */
  readonly outdated: Promise<Error>;
  /** There exactly where the manifest needs one. */
  readonly appRoot?: { readonly id: string; readonly isNew: boolean };
}
