import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import type { SealedStore } from './sealed-store.ts';
import type { SealedStoreOptions } from './store-options.ts';
import { bytes, freshOptions, temporaryDirectory, withStore } from './testing/fresh-store.ts';

const WRITER = fileURLToPath(new URL('testing/writer.ts', import.meta.url));
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', '--conditions=@vitrine/source', WRITER];
/** `VITRINE_KILLS=1000` for the whole run. */
const KILLS = Number(process.env['VITRINE_KILLS'] ?? 25);
const RING = 16;

const tracing: string | false =
  process.platform === 'linux' && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 ? false : 'no strace';

/** Options of a store that the writer goes on with. */
function countedOptions(): SealedStoreOptions {
  const options = freshOptions();
  withStore(options, (store) => {
    store.commit(['left', 'right'].map((id) => ({ tenant: 't', collection: 'pair', id, value: bytes('0') })));
  });
  return { ...options, create: false };
}

function lastNumber(said: string): number {
  return Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
}

/** Runs the writer with `injection` at its system calls; what it said until it ended. */
function runInjected(injection: string, file: string, mode: string): string {
  const words = ['-qq', '-f', '-o', '/dev/null', '-e', `inject=${injection}`, ...NODE, file, mode];
  return spawnSync('strace', words, { encoding: 'utf8', timeout: 60_000 }).stdout;
}

/** The last number that the writer acknowledged, having been killed after `acknowledgements` of them. */
async function killedAfter(file: string, acknowledgements: number): Promise<number> {
  const [command = '', ...rest] = [...NODE, file, 'acknowledge'];
  const child: ChildProcessByStdio<null, Readable, null> = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.split('\n').length > acknowledgements) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'close');
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGKILL' });
  return lastNumber(said);
}

/** What the writer left, having been killed after it acknowledged `acknowledged`. */
function checkAfterKill(store: SealedStore, acknowledged: number): void {
  const text = (collection: string, id: string): string | undefined => {
    const value = store.collection('t', collection).get(id);
    return value && new TextDecoder().decode(value);
  };
  const left = Number(text('pair', 'left'));
  // The commit under way may have been written, but wholly or not at all.
  expect([acknowledged, acknowledged + 1]).toContain(left);
  expect(text('pair', 'right')).toBe(String(left));
  expect(store.head().sequence).toBe(left + 1);
  for (let number = Math.max(1, left - RING + 1); number <= left; number++) {
    expect(text('ring', String(number % RING))).toBe(number % 5 === 0 ? undefined : String(number));
  }
}

describe('a writer that is killed', () => {
  promise(
    'P1',
    `leaves every acknowledged commit, whole and in a store that opens clean, ${KILLS} of ${KILLS} times`,
    async () => {
      const options = countedOptions();
      for (let kill = 0; kill < KILLS; kill++) {
        const acknowledged = await killedAfter(options.file, 1 + Math.floor(Math.random() * 40));
        withStore(options, (store) => checkAfterKill(store, acknowledged));
      }
    },
    60_000 + KILLS * 5_000,
  );

  const calls = Math.min(40, Math.ceil(KILLS / 5));
  promise.unless(tracing, 'P1', `leaves the same at ${calls} of its very writes and flushes`, () => {
    const options = countedOptions();
    let written = 0;
    for (let call = 0; call < calls; call++) {
      const where = call % 3 === 2 ? `fsync:signal=KILL:when=${1 + call}` : `pwrite64:signal=KILL:when=${1 + call * 4}`;
      const said = runInjected(where, options.file, 'acknowledge');
      const acknowledged = said === '' ? written : lastNumber(said);
      written = withStore(options, (store) => {
        checkAfterKill(store, acknowledged);
        return store.head().sequence - 1;
      });
    }
    expect(written).toBeGreaterThan(0);
  });
});

const namespaces: string | false =
  process.platform === 'linux' && spawnSync('unshare', ['-rm', 'true']).status === 0
    ? false
    : 'no mount namespaces for this user';

/** What the writer says, run by a shell that has prepared `$1`, its directory; the rest of the arguments is the writer's command. */
function runPrepared(
  script: string,
  directory: string,
  file: string,
  mode: string,
  wrapper: readonly string[],
): string {
  const [command = '', ...rest] = [...wrapper, 'sh', '-ec', script, 'sh', directory, ...NODE, file, mode];
  return execFileSync(command, rest, { encoding: 'utf8', timeout: 60_000 }).trim();
}

describe('a disk that does not take it', () => {
  promise.unless(
    namespaces,
    'P1',
    'a full disk refuses a commit, loses nothing, and takes it when there is room',
    () => {
      const directory = temporaryDirectory();
      const script =
        'mount -t tmpfs -o size=2m,mode=0700 tmpfs "$1"; head -c 1000000 /dev/zero > "$1/ballast"; shift; exec "$@"';
      const said: unknown = JSON.parse(
        runPrepared(script, directory, join(directory, 'store.db'), 'fill', ['unshare', '-rm']),
      );
      const { taken } = said as { readonly taken: number };
      expect(taken).toBeGreaterThan(10);
      expect(said).toEqual({
        taken,
        code: 'storage.full',
        whileFull: taken,
        sequences: [taken, taken + 1],
        after: taken + 1,
      });
    },
  );

  promise.unless(namespaces, 'P1', 'a read-only file system refuses the store, and leaves it as it is', () => {
    const options = freshOptions();
    withStore(options, (store) => store.collection('t', 'c').put('a', bytes('1')));
    const script = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"';
    expect(runPrepared(script, dirname(options.file), options.file, 'open', ['unshare', '-rm'])).toBe('storage.full');
    withStore(options, (store) => expect(store.collection('t', 'c').get('a')).toEqual(bytes('1')));
  });

  promise.unless(
    process.platform === 'win32' && 'no limits on the size of files',
    'P1',
    'a write error of the system refuses a commit and loses none before it',
    () => {
      const options = freshOptions();
      withStore(options, () => undefined);
      const said = runPrepared('ulimit -f 600; shift; exec "$@"', '', options.file, 'fill-open', []);
      const { taken, code } = JSON.parse(said) as { readonly taken: number; readonly code: string };
      expect(code).toBe('storage.full');
      expect(taken).toBeGreaterThan(5);
      withStore({ ...options, create: false }, (store) => {
        const many = store.collection('t', 'many');
        for (let place = 0; place < taken; place++) {
          expect(many.get(String(place))).toEqual(new Uint8Array(10_000).fill(place));
        }
        expect(many.put('afterwards', bytes('1'))).toBe(1);
      });
    },
  );
});

for (const [what, injection] of [
  ['flushes that fail (EIO)', 'fsync:error=EIO:when=5..7'],
  ['writes that fail (ENOSPC)', 'pwrite64:error=ENOSPC:when=20..22'],
] as const) {
  promise.unless(tracing, 'P1', `${what} refuse their commits, which are taken when they are tried again`, () => {
    const options = freshOptions();
    withStore(options, () => undefined);
    expect(JSON.parse(runInjected(injection, options.file, 'persist'))).toEqual({
      codes: ['storage.full', 'storage.full', 'storage.full'],
      after: 30,
    });
  });
}

test('a second process is refused while the first has the store open', () => {
  const options = freshOptions();
  withStore(options, () => {
    expect(runPrepared('shift; exec "$@"', '', options.file, 'open', [])).toBe('storage.locked');
  });
  expect(runPrepared('shift; exec "$@"', '', options.file, 'open', [])).toBe('opened');
});

test('a file that was emptied is no store', () => {
  const options = freshOptions();
  withStore(options, () => undefined);
  writeFileSync(options.file, '');
  expect(runPrepared('shift; exec "$@"', '', options.file, 'open', [])).toBe('storage.missing');
});
