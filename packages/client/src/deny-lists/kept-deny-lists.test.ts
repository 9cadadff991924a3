import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DenyList, denyListSigned } from '@vitrine/documents';
import { afterEach, beforeEach, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import {
  denyListsAtHand,
  denyListsFile,
  forgetDenyList,
  keepDenyList,
  readDenyList,
  readKeptDenyLists,
} from './kept-deny-lists.ts';

interface Issuer {
  readonly key: string;
  readonly privateKey: KeyObject;
}
function issuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return { key: Buffer.from(x, 'base64url').toString('hex'), privateKey };
}

const [ADA, BOB, EVE] = [issuer(), issuer(), issuer()];
const BOTH = { keys: [ADA.key, BOB.key], threshold: 1 };

function signed(changes: Partial<DenyList>, ...signers: readonly Issuer[]): DenyList {
  const list: DenyList = {
    type: 'vitrine/deny-list/v1',
    name: 'vendor',
    number: 7,
    issued: '2026-11-20T09:00:00Z',
    denied: [],
    minimum: [],
    signatures: [],
    ...changes,
  };
  const signatures = signers.map(({ key, privateKey }) => ({
    key,
    signature: sign(null, denyListSigned(list), privateKey).toString('base64url'),
  }));
  return { ...list, signatures };
}

let home = '';
let file = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vitrine lists '));
  file = denyListsFile(home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

const numberKept = async (): Promise<number | undefined> =>
  (await readKeptDenyLists(file)).lists['vendor']?.list.number;
const code = (value: string): unknown => expect.objectContaining({ code: value });

async function written(list: unknown): Promise<string> {
  const path = join(home, 'given.json');
  await writeFile(path, JSON.stringify(list));
  return path;
}

promise('P2', 'a list is kept under the keys that were given for it, and its number never falls', async () => {
  await expect(keepDenyList(file, signed({}, ADA))).rejects.toEqual(code('denylist.keys'));
  expect(await numberKept()).toBeUndefined();
  expect(await keepDenyList(file, signed({}, ADA), BOTH)).toBe('new');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await keepDenyList(file, signed({}, BOB))).toBe('same');
  expect(await keepDenyList(file, signed({ number: 9 }, BOB))).toBe('newer');
  await expect(keepDenyList(file, signed({ number: 8 }, ADA))).rejects.toEqual(code('denylist.older'));
  await expect(keepDenyList(file, signed({ number: 7 }, ADA), BOTH)).rejects.toEqual(code('denylist.older'));
  expect(await numberKept()).toBe(9);
});

promise('P2', 'another list with the number of the kept one is refused', async () => {
  await keepDenyList(file, signed({}, ADA), BOTH);
  const other = signed({ minimum: [{ application: 'notes', number: 2 }] }, ADA);
  await expect(keepDenyList(file, other)).rejects.toEqual(code('denylist.older'));
});

promise('P2', 'a list by other keys is refused, and keys change by forgetting alone', async () => {
  await keepDenyList(file, signed({}, ADA), BOTH);
  await expect(keepDenyList(file, signed({ number: 8 }, EVE))).rejects.toEqual(code('denylist.keys'));
  const eve = { keys: [EVE.key], threshold: 1 };
  await expect(keepDenyList(file, signed({ number: 8 }, EVE), eve)).rejects.toEqual(code('denylist.keys'));
  await expect(keepDenyList(file, signed({ number: 8 }, ADA), { ...BOTH, threshold: 2 })).rejects.toEqual(
    code('denylist.keys'),
  );
  expect(await numberKept()).toBe(7);
  expect((await forgetDenyList(file, 'vendor'))?.list.number).toBe(7);
  expect(await forgetDenyList(file, 'vendor')).toBeUndefined();
  expect(await keepDenyList(file, signed({ number: 1 }, EVE), eve)).toBe('new');
});

promise('P2', 'fewer signatures than the user demands keep nothing', async () => {
  await expect(keepDenyList(file, signed({}, ADA, ADA), { ...BOTH, threshold: 2 })).rejects.toEqual(
    code('denylist.keys'),
  );
  expect(await keepDenyList(file, signed({}, ADA, BOB), { ...BOTH, threshold: 2 })).toBe('new');
});

promise('P2', 'many that keep lists at once leave the highest number', async () => {
  await keepDenyList(file, signed({ number: 1 }, ADA), BOTH);
  const numbers = [5, 3, 8, 2, 7];
  await Promise.allSettled(numbers.map((number) => keepDenyList(file, signed({ number }, ADA))));
  expect(await numberKept()).toBe(8);
});

promise('P2', 'a list that is named takes the place of the kept one, and must not be older', async () => {
  await keepDenyList(file, signed({}, ADA), BOTH);
  await keepDenyList(file, signed({ name: 'other', number: 2 }, EVE), { keys: [EVE.key], threshold: 1 });
  const numbers = async (...given: readonly DenyList[]): Promise<readonly string[]> =>
    (await denyListsAtHand(file, given)).map(({ name, number }) => `${name} ${number}`).toSorted();
  expect(await numbers()).toEqual(['other 2', 'vendor 7']);
  expect(await numbers(signed({ number: 8 }, BOB))).toEqual(['other 2', 'vendor 8']);
  expect(await numbers(signed({ name: 'third' }, EVE))).toEqual(['other 2', 'third 7', 'vendor 7']);
  await expect(numbers(signed({ number: 6 }, ADA))).rejects.toEqual(code('denylist.older'));
  await expect(numbers(signed({ number: 8 }, EVE))).rejects.toEqual(code('denylist.keys'));
  expect(await numberKept()).toBe(7);
});

promise('P2', 'a file that is not signed, or not by whom it says, is not read', async () => {
  const good = signed({}, ADA, BOB);
  expect(await readDenyList(await written(good))).toEqual(good);
  for (const bad of [
    { ...good, signatures: [] },
    { ...good, number: 8 },
    { ...good, denied: [{ manifest: 'ab'.repeat(48) }] },
    { ...good, signatures: [...good.signatures, ...signed({ number: 8 }, ADA).signatures] },
  ]) {
    await expect(readDenyList(await written(bad))).rejects.toEqual(code('denylist.signature'));
  }
  await expect(readDenyList(join(home, 'none.json'))).rejects.toEqual(code('denylist.unreadable'));
});

promise('P2', 'a damaged file of kept lists stops everything and is left as it is', async () => {
  await keepDenyList(file, signed({}, ADA), BOTH);
  const text = (await readFile(file, 'utf8')).replace('"number": 7', '"number": 0');
  await writeFile(file, text);
  for (const action of [
    () => readKeptDenyLists(file),
    () => denyListsAtHand(file, []),
    () => keepDenyList(file, signed({ number: 9 }, ADA)),
    () => forgetDenyList(file, 'vendor'),
  ]) {
    await expect(action()).rejects.toEqual(code('denylist.damaged'));
  }
  expect(await readFile(file, 'utf8')).toBe(text);
});

promise('P2', 'of two that keep a list at once under other keys, one is refused', async () => {
  const list = signed({}, ADA, BOB);
  const outcomes = await Promise.allSettled(
    [ADA, BOB].map(({ key }) => keepDenyList(file, list, { keys: [key], threshold: 1 })),
  );
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'denylist.keys' } });
});
