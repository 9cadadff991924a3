/**
 * Where a TEE's secret comes from that survives a restart: one interface for all platforms.
 *
 * Whoever holds a source can unwrap the roots of every application under it, so it is handed to the key
 * service alone.
 *
 * @module
 */
import type { RootSource } from '@vitrine/documents';

export interface RootSecretSource {
  /** What it depends on and who else can derive it, as it is attested. */
  readonly description: RootSource;
  /** 32 bytes, the same at every call while what it is bound to is the same. The caller may overwrite them. */
  secret(): Promise<Uint8Array>;
}
