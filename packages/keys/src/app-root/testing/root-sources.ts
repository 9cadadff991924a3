/**
 * Platform secrets for tests.
 *
 * @module
 */
import type { RootSecretSource } from '@vitrine/attester';

/** A source that always gives 32 bytes of `fill`. */
export function fixedSource(kind: string, fill: number): RootSecretSource {
  return {
    description: {
      kind,
      boundTo: 'a test',
      derivableBy: ['whoever reads the test'],
      survivesUpgrade: true,
      sharedByReplicas: false,
    },
    secret: async () => new Uint8Array(32).fill(fill),
  };
}
