import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { withLock } from '@vitrine/client';
import type { DenyList, Release } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { VITRINE } from '../../../../test/support/cli.ts';
import { freshPlace } from '../testing/in-process.ts';

const GREETER = fileURLToPath(new URL('../../../../test/fixtures/greeter', import.meta.url));
const LIMIT_MS = 120_000;

interface Ended {
  readonly code: unknown;
  readonly stderr: string;
}

/** `vitrine` in a process of its own, in the test's place. */
async function spawned(...args: readonly string[]): Promise<Ended> {
  const child = spawn(VITRINE[0], [...VITRINE.slice(1), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

/** In this process, for what comes before. */
function freshDesk(): (...args: readonly string[]) => Promise<string> {
  const place = freshPlace();
  return async (...args) => {
    const { code, stdout, stderr } = await place.run(...args);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim();
  };
}

const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(name, 'utf8')) as T;

/** Resolves when `count` processes but this one have met the lock of `name`. */
function whenWaiting(name: string, count: number): Promise<void> {
  const met = new Set<string>();
  return new Promise((resolve) => {
    const watcher = watch('.', (_event, file) => {
      const [, process_] = new RegExp(`^\\.${name}\\.lock\\.(\\d+)\\.`).exec(file ?? '') ?? [];
      if (process_ === undefined || process_ === String(process.pid) || met.add(process_).size < count) return;
      watcher.close();
      resolve();
    });
  });
}

/** The processes begin while `change` still has the file. */
async function atOnce(
  name: string,
  change: () => Promise<void>,
  ...commands: readonly (readonly string[])[]
): Promise<readonly Ended[]> {
  let ends: readonly Promise<Ended>[] = [];
  await withLock(`${name}.lock`, { waitMs: 0 }, async () => {
    const waiting = whenWaiting(name.replaceAll('.', '\\.'), commands.length);
    ends = commands.map((args) => spawned(...args));
    await waiting;
    await change();
  });
  return Promise.all(ends);
}

promise(
  'P4',
  'processes that sign and witness a release at the same moment lose nothing of each other',
  async () => {
    const run = freshDesk();
    const keys: Record<string, string> = {};
    for (const who of ['ada', 'bob', 'cyd', 'una']) keys[who] = await run('secrets', 'keygen', `${who}.pem`);
    const upgrade = {
      kind: 'signed',
      keys: [keys['ada'], keys['bob']],
      threshold: 1,
      minDelay: 604_800,
      witnesses: { keys: [keys['una']], threshold: 1 },
    };
    const configure = (number: number): Promise<void> =>
      writeFile(
        'vitrine.yaml',
        `name: desk\nnumber: ${number}\nserver: ${JSON.stringify(`path:${GREETER}`)}\nstore: sealed\nupgrade: ${JSON.stringify(upgrade)}\n`,
      );
    await configure(3);
    await writeFile('former.json', await run('config', 'show'));
    const from = `${await run('config', 'hash')}:3`;
    await configure(4);
    await run('release', 'make', 'r.json', '--from', from);
    await run('release', 'make', 'other.json', '--from', from);
    await run('release', 'sign', 'r.json', '--owner-key', 'ada.pem');
    await run('release', 'sign', 'other.json', '--owner-key', 'bob.pem');
    const { signatures: bobs } = await read<Release>('other.json');

    const ends = await atOnce(
      'r.json',
      async () => {
        const release = await read<Release>('r.json');
        const both = { ...release, signatures: [...release.signatures, ...bobs] };
        await writeFile('r.json', JSON.stringify(both));
      },
      ['release', 'sign', 'r.json', '--owner-key', 'cyd.pem'],
      ['release', 'witness', 'r.json', '--owner-key', 'una.pem', '--log', 'una.json', '--manifest', 'former.json'],
    );
    expect(
      ends.map(({ code }) => code),
      ends.map(({ stderr }) => stderr).join(''),
    ).toEqual([0, 0]);
    const { signatures, witnessed } = await read<Release>('r.json');
    expect(signatures.map(({ key }) => key)).toEqual([keys['ada'], keys['bob'], keys['cyd']]);
    expect(witnessed).toMatchObject([{ key: keys['una'] }]);
    expect((await readdir('.')).filter((name) => /^\.?r\.json/.test(name))).toEqual(['r.json']);
  },
  LIMIT_MS,
);

promise(
  'P2',
  'processes that add to a deny-list at the same moment make one number each, and lose no entry',
  async () => {
    const run = freshDesk();
    const digests = ['01', '02', '03', '04'].map((byte) => byte.repeat(48));
    await run('release', 'deny', 'l.json', '--name', 'acme', '--minimum', 'notes:2');
    const [first = '', ...others] = digests;
    const ends = await atOnce(
      'l.json',
      async () => {
        const list = await read<DenyList>('l.json');
        const next = { ...list, number: list.number + 1, denied: [{ manifest: first }] };
        await writeFile('l.json', JSON.stringify(next));
      },
      ...others.map((digest) => ['release', 'deny', 'l.json', '--manifest', digest]),
    );
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    const { number, denied, minimum } = await read<DenyList>('l.json');
    expect(number).toBe(5);
    expect(denied.map((entry) => ('manifest' in entry ? entry.manifest : '')).toSorted()).toEqual(digests);
    expect(minimum).toEqual([{ application: 'notes', number: 2 }]);
  },
  LIMIT_MS,
);
