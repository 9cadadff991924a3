import { defineConfig } from 'vitest/config';

const conditions = ['@vitrine/source', 'node', 'module', 'import', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'tools/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 30_000,
    reporters: ['default', './test/support/skipped-reporter.ts'],
  },
});
