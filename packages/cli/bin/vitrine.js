#!/usr/bin/env node
/**
 * Starts `vitrine`. Plain JavaScript that old versions of Node can read, so that they get one
 * clear line instead of a syntax error. In a source checkout, where nothing is built, the sources run.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major, minor, patch] = process.versions.node.split('.').map(Number);
const supported =
  major >= 26 || (major === 24 && minor >= 15) || (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));

if (!supported) {
  process.stderr.write(`vitrine needs Node ^22.22.2 || ^24.15 || >=26; this is ${process.versions.node}\n`);
  process.exitCode = 2;
} else if (existsSync(new URL('../dist/main.js', import.meta.url))) {
  await import('../dist/main.js');
} else {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=@vitrine/source', main, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // The terminal sends Ctrl-C to both; a plain kill reaches only this process.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}
