/**
 * A secret of this boot alone: what it wraps is gone at the end, which suits whoever keeps nothing.
 *
 * @module
 */
import type { RootSecretSource } from '@vitrine/attester';

export function ephemeralRootSecret(randomBytes: (length: number) => Uint8Array): RootSecretSource {
  const secret = randomBytes(32);
  return {
    description: {
      kind: 'ephemeral',
      boundTo: 'this start of the key service',
      derivableBy: [],
      survivesUpgrade: false,
      sharedByReplicas: false,
    },
    secret: async () => Uint8Array.from(secret),
  };
}
