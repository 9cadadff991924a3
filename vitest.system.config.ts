/**
 * `npm run test:system`: several versions of Node.js and a browser, the conformance suite on both sides,
 * real clients, the guides.
 *
 * @module
 */
import { defineConfig, mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';

export default mergeConfig(
  { ...config, test: { ...config.test, include: [] } },
  defineConfig({
    test: {
      include: ['test/system/**/*.system.ts'],
      // Most of a system test is other processes; on two processors two files go along together.
      maxWorkers: 2,
      testTimeout: 300_000,
      hookTimeout: 300_000,
      globalSetup: ['test/support/peers-setup.ts'],
    },
  }),
);
