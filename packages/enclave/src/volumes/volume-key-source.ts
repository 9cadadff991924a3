/**
 * Where the keys of encrypted volumes come from.
 *
 * @module
 */

export interface VolumeKeySource {
  /** Whether the same volume gets the same key after a restart; otherwise its content is lost then. */
  readonly survivesRestart: boolean;
  /** The 32 bytes for a volume, the same at every call. */
  key(volume: string): Promise<Uint8Array>;
}

/**
 * Keys that exist in this process only: whatever was written is unreadable after a restart, also for
 * the enclave itself.
 *
 * @param randomBytes - Cryptographically secure.
 */
export function randomKeysPerBoot(randomBytes: (length: number) => Uint8Array): VolumeKeySource {
  const keys = new Map<string, Uint8Array>();
  return {
    survivesRestart: false,
    async key(volume) {
      const key = keys.get(volume) ?? randomBytes(32);
      keys.set(volume, key);
      return key;
    },
  };
}
