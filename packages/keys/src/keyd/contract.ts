/**
 * The key service within its own process: what it is opened with, and what it does.
 *
 * @module
 */
import type { Duplex } from 'node:stream';
import type { QuoteSource, RootSecretSource } from '@vitrine/attester';
import type { Manifest } from '@vitrine/documents';
import type { GatewayAnswers, Instance, KeyService } from '../service.ts';

/** The TEE, as the key service alone sees it. */
export interface Platform {
  readonly source: QuoteSource;
  /** All are needed together for the application root; empty where the platform has none. */
  readonly roots: readonly RootSecretSource[];
  /** Whether it protects nothing, so that its keys must not hold value. */
  readonly isSimulated: boolean;
}

export interface KeydOptions {
  readonly manifest: Manifest;
  readonly platform: Platform;
  /** Where state is kept, as one who can write there alone. */
  readonly directory: string;
  /** Whether an application root may be made where there is none. */
  readonly genesis: boolean;
  /** Admits the manifest where the root is wrapped for a former one; judged where the root is opened. */
  readonly release?: unknown;
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
  /** There exactly where the manifest needs one. */
  readonly appRoot?: { readonly id: string; readonly isNew: boolean };
}
