import { mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { toHex } from '@vitrine/documents';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { openSimulator, type Simulator } from './simulator.ts';

let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vitrine-root-secret-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

let used = 0;
const fresh = (): string => join(base, `state-${used++}`);
const open = (directory: string): Promise<Simulator> =>
  openSimulator({ directory, now: () => new Date('2026-11-20T10:00:00Z'), release: '0.1.0' });

promise('P4', 'the simulator says that whoever reads its directory has its root secret', async () => {
  const { description } = (await open(fresh())).rootSecret();
  expect(description).toEqual({
    kind: 'simulator',
    boundTo: 'the state directory of the simulator',
    derivableBy: ['whoever reads the state directory'],
    survivesUpgrade: true,
    sharedByReplicas: false,
  });
});

promise('P4', 'the secret stays the same from run to run, and no two directories share one', async () => {
  const directory = fresh();
  const first = await (await open(directory)).rootSecret().secret();
  const again = await (await open(directory)).rootSecret().secret();
  const other = await (await open(fresh())).rootSecret().secret();
  expect(first).toHaveLength(32);
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
  expect(Uint8Array.from(await readFile(join(directory, 'root-secret')))).toEqual(first);
});

promise.unless(
  process.platform === 'win32' && 'no modes on Windows',
  'P4',
  'the secret is for its owner alone',
  async () => {
    const directory = fresh();
    await (await open(directory)).rootSecret().secret();
    expect((await stat(join(directory, 'root-secret'))).mode & 0o777).toBe(0o600);
  },
);

test('many that ask at once in a new directory get one secret', async () => {
  const directory = fresh();
  const all = await Promise.all(Array.from({ length: 8 }, async () => (await open(directory)).rootSecret().secret()));
  expect(new Set(all.map(toHex)).size).toBe(1);
});

test('overwriting what was given changes nothing', async () => {
  const source = (await open(fresh())).rootSecret();
  const first = await source.secret();
  const kept = Uint8Array.from(first);
  first.fill(0);
  expect(await source.secret()).toEqual(kept);
});

test.each([0, 31])('a secret cut to %i bytes is refused and not replaced', async (length) => {
  const directory = fresh();
  const source = (await open(directory)).rootSecret();
  await source.secret();
  await truncate(join(directory, 'root-secret'), length);
  await expect(source.secret()).rejects.toMatchObject({ code: 'simulator.state-damaged' });
  expect((await stat(join(directory, 'root-secret'))).size).toBe(length);
});

test('a secret that is too long is refused', async () => {
  const directory = fresh();
  const source = (await open(directory)).rootSecret();
  await source.secret();
  await writeFile(join(directory, 'root-secret'), new Uint8Array(33));
  await expect(source.secret()).rejects.toMatchObject({ code: 'simulator.state-damaged' });
});

test('a dangling link in its place is an error, and nothing is made behind it', async () => {
  const directory = fresh();
  const source = (await open(directory)).rootSecret();
  await symlink(join(base, 'elsewhere'), join(directory, 'root-secret'));
  await expect(source.secret()).rejects.toMatchObject({ code: 'simulator.state-unusable' });
  await expect(stat(join(base, 'elsewhere'))).rejects.toThrow('ENOENT');
});

promise('P4', 'no byte of the secret is in what the simulator shows of itself or in its errors', async () => {
  const directory = fresh();
  const simulator = await open(directory);
  const secret = await simulator.rootSecret().secret();
  const shown = inspect([simulator, simulator.rootSecret()], { showHidden: true, depth: 9 });
  expect(shown).not.toContain(toHex(secret));
  expect(shown).not.toContain(Buffer.from(secret).toString('base64'));
  expect(shown).not.toContain([...secret.subarray(0, 4)].join(', '));
});
