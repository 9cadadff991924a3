import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from './commands.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
/** Writes the address of every module that is loaded to stderr. */
const WATCH =
  'data:text/javascript,import{registerHooks}from"node:module";registerHooks({load(u,c,n){process.stderr.write(u+"\\n");return n(u,c)}})';

function loadedBy(...args: readonly string[]): readonly string[] {
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=@vitrine/source', '--import', WATCH, MAIN, ...args],
    { encoding: 'utf8' },
  );
  expect(status).toBe(0);
  return stderr.split('\n').filter((url) => url.startsWith('file:'));
}

describe('what only prints a text loads descriptions and no code', () => {
  for (const args of [['--version'], ['--help'], ['verify', '--help'], ['help', 'run']]) {
    test(args.join(' '), () => {
      const loaded = loadedBy(...args);
      expect(loaded.filter((url) => url.includes('/packages/cli/src/commands/'))).toEqual([]);
      expect(loaded.filter((url) => /\/packages\/(?:verifier|simulator|enclave|attester)\//.test(url))).toEqual([]);
      expect(loaded.length).toBeLessThan(40 + COMMANDS.length);
    });
  }
});

test('a command loads no other command', () => {
  const loaded = loadedBy('completion', 'bash').filter((url) => url.includes('/packages/cli/src/commands/'));
  expect(loaded.map((url) => url.split('/').at(-1))).toEqual(['completion.ts']);
});
