/**
 * The tests that `npm run mutate` runs against each mutant: the verifier's own and those of its
 * results, without those that repeat a verification hundreds of times. Which of them are run for
 * which mutant is in `tools/mutate.ts`.
 *
 * @module
 */
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { defineConfig, mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';

/** Takes a second or more, and a run loads the tests for each mutant anew. */
function rsaKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

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
      env: { VITRINE_TEST_SNP_ROOT: rsaKey(), VITRINE_TEST_SNP_AUTHORITY: rsaKey() },
    },
  }),
);
