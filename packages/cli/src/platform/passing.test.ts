import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';

const PASSING = new URL('./passing.ts', import.meta.url).href;
const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A process with such a folder, which then runs `more`; gives how it ended. */
async function ended(more: string, signal?: NodeJS.Signals): Promise<{ how: unknown; isThere: boolean }> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-passing-'));
  made.push(directory);
  writeFileSync(join(directory, 'file'), 'of this start');
  const script = `import { removedAtEnd } from ${JSON.stringify(PASSING)};
    const keep = removedAtEnd([${JSON.stringify(directory)}]);
    ${more};
    process.stdout.write('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  if (signal !== undefined) child.kill(signal);
  const [code, by] = await exit;
  return { how: by ?? code, isThere: existsSync(directory) };
}

const STAYS = 'setInterval(() => undefined, 1000)';

promise.unless(
  process.platform === 'win32' && 'Windows has no such signals',
  'P7',
  'what belongs to one start goes with it, also where it is ended while it comes up',
  async () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      expect(await ended(STAYS, signal)).toEqual({ how: signal, isThere: false });
    }
    expect(await ended('setImmediate(() => process.exit(3))')).toEqual({ how: 3, isThere: false });
    // Whoever ends in order removes it, and only then.
    expect(await ended(`${STAYS}; process.on('SIGINT', () => process.exit(7))`, 'SIGINT')).toEqual({
      how: 7,
      isThere: false,
    });
    expect(await ended(`${STAYS}; keep()`, 'SIGINT')).toEqual({ how: 'SIGINT', isThere: true });
  },
);
