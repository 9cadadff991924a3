/**
 * `npm run test:system`: the installed packages under several versions of Node.js and in a browser.
 *
 * @module
 */
import { defineConfig, mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';

export default mergeConfig(
  { ...config, test: { ...config.test, include: [] } },
  defineConfig({ test: { include: ['test/system/**/*.system.ts'], testTimeout: 300_000 } }),
);
