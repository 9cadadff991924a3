import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { exactPin } from '../testing/pin-fixtures.ts';
import { pinsFile, readPins, writePin } from './pins-store.ts';

const WRITER = fileURLToPath(new URL('../testing/pin-writer.ts', import.meta.url));
const pin = exactPin();
const LIMIT_MS = 120_000;

let home = '';
let file = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vitrine pins '));
  file = pinsFile(home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

function writerArguments(prefix: string, count: number): string[] {
  return ['--conditions=@vitrine/source', WRITER, file, prefix, String(count)];
}

/** Starts a process that pins `count` servers. */
function startWriter(prefix: string, count: number): ChildProcess & { readonly stdout: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, writerArguments(prefix, count), { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(pin));
  return child;
}

describe('several processes', () => {
  promise(
    'P2',
    'that pin at the same time lose no pin',
    async () => {
      const names = ['a', 'b', 'c', 'd', 'e'];
      const codes = names.map(async (name) => {
        const child = startWriter(name, 6);
        child.stdout.resume();
        const [code] = await once(child, 'exit');
        return code as unknown;
      });
      expect(await Promise.all(codes)).toEqual(names.map(() => 0));
      const { pins } = await readPins(file);
      expect(Object.keys(pins)).toHaveLength(30);
      for (const one of Object.values(pins)) expect(one).toEqual(pin);
      expect(await readdir(home)).toEqual(['pins.json']);
    },
    LIMIT_MS,
  );

  const moments: Readonly<Record<string, RegExp | number>> = {
    'when a temporary file appears': /^\.pins\.json\.[0-9a-f]{12}\.tmp$/,
    'when the lock appears': /^pins\.json\.lock$/,
    'when the lock is prepared': /^\.pins\.json\.lock\./,
    'when the file changes': /^pins\.json$/,
    'after three pins': 3,
    'after nine pins': 9,
  };
  for (const [name, moment] of Object.entries(moments)) {
    promise(
      'P2',
      `one that is killed ${name} leaves a whole file, and the lock is taken over`,
      async () => {
        const first = 'https://first.example/mcp';
        await writePin(file, first, pin);
        const acknowledged: string[] = [];
        const child = startWriter('killed', 10_000);
        const kill = (): void => void child.kill('SIGKILL');
        const lines = createInterface({ input: child.stdout }).on('line', (url) => {
          acknowledged.push(url);
          // The others need the process at work first, since the first pin was written by this one.
          if (moment === acknowledged.length) kill();
        });
        const watcher = watch(home, (_event, changed) => {
          if (moment instanceof RegExp && acknowledged.length > 0 && moment.test(String(changed))) kill();
        });
        await Promise.all([once(child, 'exit'), once(lines, 'close')]);
        watcher.close();
        expect(child.signalCode).toBe('SIGKILL');

        const { pins } = await readPins(file);
        expect(Object.keys(pins)).toEqual(expect.arrayContaining([first, ...acknowledged]));
        // At most the one that was under way is there without having been told.
        expect(Object.keys(pins).length - 1 - acknowledged.length).toBeLessThanOrEqual(1);
        const after = 'https://after.example/mcp';
        await writePin(file, after, pin);
        expect(Object.keys((await readPins(file)).pins)).toEqual(
          expect.arrayContaining([first, after, ...acknowledged]),
        );
        expect((await stat(file)).mode & 0o777).toBe(0o600);
      },
      LIMIT_MS,
    );
  }
});

describe('what cannot be written', () => {
  const url = 'https://bank.example/mcp';

  // Root may write anywhere, so there the writer is made to be nobody.
  const asRoot = process.getuid?.() === 0;
  test('a read-only folder is named, and nothing is lost', async () => {
    await writePin(file, url, pin);
    if (asRoot) await chmod(file, 0o644);
    await chmod(home, 0o555);
    try {
      const { status, stderr } = spawnSync(process.execPath, writerArguments('other', 1), {
        input: JSON.stringify(pin),
        encoding: 'utf8',
        ...(asRoot ? { uid: 65_534, gid: 65_534 } : {}),
      });
      expect(status).toBe(1);
      expect(stderr).toContain("code: 'pins.unwritable'");
      expect(stderr).toContain(`cannot change the pins file ${file}`);
      expect(Object.keys((await readPins(file)).pins)).toEqual([url]);
      expect(await readdir(home)).toEqual(['pins.json']);
    } finally {
      await chmod(home, 0o700);
    }
  });

  test('a folder that is a file is named', async () => {
    await writeFile(join(home, 'plain'), 'x');
    const inside = pinsFile(join(home, 'plain', 'sub'));
    await expect(writePin(inside, url, pin)).rejects.toMatchObject({ code: 'pins.unwritable' });
  });

  promise('P2', 'a link is followed, also by the lock, and stays a link', async () => {
    const real = join(home, 'real');
    await mkdir(real);
    const target = pinsFile(real);
    await writePin(target, url, pin);
    await symlink(target, file);
    await Promise.all([1, 2, 3, 4].map((index) => writePin(index % 2 === 0 ? file : target, `${url}/${index}`, pin)));
    expect(Object.keys((await readPins(target)).pins)).toHaveLength(5);
    expect(await readPins(file)).toEqual(await readPins(target));
    expect((await readdir(home)).sort()).toEqual(['pins.json', 'real']);
    expect(await readdir(real)).toEqual(['pins.json']);
  });

  promise('P2', 'a link to nowhere is not a user without pins', async () => {
    await symlink(join(home, 'unmounted', 'pins.json'), file);
    await expect(readPins(file)).rejects.toMatchObject({ code: 'pins.unreadable' });
    await expect(writePin(file, url, pin)).rejects.toMatchObject({ code: 'pins.unreadable' });
    expect(await readdir(home)).toEqual(['pins.json']);
  });

  test('what a killed writer left is removed by the next one', async () => {
    await writeFile(join(home, '.pins.json.0123456789ab.tmp'), 'half');
    await writeFile(join(home, '.pins.json.mine'), 'kept');
    await writePin(file, url, pin);
    expect((await readdir(home)).sort()).toEqual(['.pins.json.mine', 'pins.json']);
    expect(await readFile(join(home, '.pins.json.mine'), 'utf8')).toBe('kept');
  });
});
