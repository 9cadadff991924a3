#!/usr/bin/env node
// Starts the bridge. Kept to syntax that an old Node reads too, so that it can say what is missing.

const range = '^22.22.2 || ^24.15 || >=26';
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const inRange =
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 2))) || (major === 24 && minor >= 15) || major >= 26;

async function load() {
  // An installed package runs what was built; a checkout runs its source.
  if (import.meta.url.includes('/node_modules/')) return import('../dist/connect-main.js');
  const { registerHooks } = await import('node:module');
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, '@vitrine/source'] }),
  });
  return import('../src/connect-main.ts');
}

if (inRange) {
  load()
    .then(({ connectMain }) => connectMain(process.argv.slice(2), process))
    .then((code) => {
      process.exitCode = code;
    })
    .catch((error) => {
      process.stderr.write(`vitrine: internal error: ${error instanceof Error ? error.message : error}\n`);
      process.exitCode = 5;
    });
} else {
  process.stderr.write(`vitrine-connect needs Node ${range}; this is ${process.versions.node}\n`);
  process.exitCode = 2;
}
