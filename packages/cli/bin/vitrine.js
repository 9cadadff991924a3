#!/usr/bin/env node
// Starts `vitrine`. Kept to syntax that an old Node reads too, so that it can say what is missing.

const range = '^22.22.2 || ^24.15 || >=26';
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const inRange =
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 2))) || (major === 24 && minor >= 15) || major >= 26;

if (!inRange) {
  process.stderr.write(`vitrine needs Node ${range}; this is ${process.versions.node}\n`);
  process.exitCode = 2;
} else if (import.meta.url.includes('/node_modules/')) {
  // An installed package runs what was built; a checkout runs its source.
  await import('../dist/main.js');
} else {
  const { registerHooks } = await import('node:module');
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, '@vitrine/source'] }),
  });
  await import('../src/main.ts');
}
