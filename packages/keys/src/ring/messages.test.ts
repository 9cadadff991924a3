/**
 * One secret under two names or versions, as two imported keys can have it: still two keys.
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { aesKey } from './aes-key.ts';
import { header, type KeyLabel, versionOf } from './messages.ts';
import { x25519Key } from './x25519-key.ts';

const secret = new Uint8Array(32).fill(9);
const message = new TextEncoder().encode('a message');
const ones = (length: number): Uint8Array => new Uint8Array(length).fill(1);
const base: KeyLabel = { name: 'one', version: 1 };

describe.each([
  ['aes256', async (label: KeyLabel) => aesKey(label, secret, ones)],
  ['x25519', async (label: KeyLabel) => x25519Key(label, secret, ones)],
] as const)('%s', (_, make) => {
  promise('P4', 'under another name the same secret decrypts nothing', async () => {
    const sealed = await (await make(base)).encrypt('a', message);
    expect(await (await make(base)).decrypt('a', sealed)).toEqual(message);
    const other = await make({ ...base, name: 'two' });
    await expect(other.decrypt('a', sealed)).rejects.toMatchObject({ code: 'keys.ciphertext' });
    expect(toHex(await other.encrypt('a', message))).not.toBe(toHex(sealed));
  });

  promise('P4', 'under another version the same secret decrypts nothing', async () => {
    const sealed = await (await make(base)).encrypt('a', message);
    const other = await make({ ...base, version: 2 });
    await expect(other.decrypt('a', sealed)).rejects.toMatchObject({ code: 'keys.ciphertext' });
    const relabelled = Uint8Array.from([...header(2), ...sealed.subarray(5)]);
    await expect(other.decrypt('a', relabelled)).rejects.toMatchObject({ code: 'keys.ciphertext' });
    await expect((await make(base)).decrypt('a', relabelled)).rejects.toMatchObject({ code: 'keys.ciphertext' });
  });
});

promise('P4', 'a MAC differs by name and version even under one secret', () => {
  const mac = (label: KeyLabel): string => toHex(aesKey(label, secret, ones).mac('a', message));
  expect(new Set([mac(base), mac({ ...base, name: 'two' }), mac({ ...base, version: 2 })]).size).toBe(3);
});

promise('P4', 'a closed key no longer makes what it made', async () => {
  const key = aesKey(base, secret, ones);
  const before = toHex(key.mac('a', message));
  key.close();
  expect(toHex(key.mac('a', message))).not.toBe(before);
});

promise('P4', 'only this format has a version to be read', () => {
  expect(versionOf(Uint8Array.of(1, 0xff, 0xff, 0xff, 0xfe))).toBe(0xfffffffe);
  for (const bytes of [[], [1], [1, 0, 0, 0], [0, 0, 0, 0, 1], [2, 0, 0, 0, 1]]) {
    expect(() => versionOf(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'keys.ciphertext' }));
  }
});
