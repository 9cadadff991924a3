/**
 * The tests that `npm run mutate` runs against each mutant: the verifier's own and those of its
 * results, without those that repeat a verification hundreds of times.
 *
 * @module
 */
import { join } from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';

export default mergeConfig(
  { ...config, test: { ...config.test, include: [], reporters: [] } },
  defineConfig({
    // Otherwise the package's name leads out of the copy that is mutated, back to the original.
    resolve: {
      alias: { '@vitrine/verifier': join(import.meta.dirname, 'packages', 'verifier', 'src', 'index.ts') },
    },
    test: {
      include: ['packages/verifier/src/**/*.test.ts', 'test/system/*.test.ts'],
      exclude: ['**/one-byte.test.ts', '**/node_modules/**'],
    },
  }),
);
