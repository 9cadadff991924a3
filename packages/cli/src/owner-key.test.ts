import { generateKeyPairSync, verify } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { makeOwnerKey, readOwnerKey } from './owner-key.ts';
import { freshPlace } from './testing/in-process.ts';

promise('P1', 'an owner key is for its owner’s eyes, and its signatures verify', () => {
  const file = join(freshPlace().directory, 'owner.pem');
  const publicKey = makeOwnerKey(file);
  expect(publicKey).toMatch(/^[0-9a-f]{64}$/);
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
  const owner = readOwnerKey(file);
  expect(owner.publicKey).toBe(publicKey);
  const bytes = new TextEncoder().encode('a secret');
  const x = Buffer.from(publicKey, 'hex').toString('base64url');
  const key = { format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } } as const;
  expect(verify(null, bytes, key, owner.sign(bytes) as Uint8Array)).toBe(true);
  bytes[0] = 0;
  expect(verify(null, bytes, key, owner.sign(new Uint8Array(1)) as Uint8Array)).toBe(false);
});

promise('P1', 'a key that is there already is kept', () => {
  const file = join(freshPlace().directory, 'owner.pem');
  makeOwnerKey(file);
  const before = readFileSync(file, 'utf8');
  expect(() => makeOwnerKey(file)).toThrow(/is there already, and is kept/);
  expect(readFileSync(file, 'utf8')).toBe(before);
});

test('a folder that is not there is named as such', () => {
  expect(() => makeOwnerKey(join(freshPlace().directory, 'none', 'owner.pem'))).toThrow(/there is no such folder/);
});

test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('a folder that may not be written', () => {
  const { directory } = freshPlace();
  chmodSync(directory, 0o500);
  expect(() => makeOwnerKey(join(directory, 'owner.pem'))).toThrow(/permission denied/);
  chmodSync(directory, 0o700);
});

const pem = (kind: 'x25519' | 'ed25519', half: 'public' | 'private'): string => {
  // The overloads of the function take one kind at a time.
  const { publicKey, privateKey } = kind === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ed25519');
  return half === 'public'
    ? publicKey.export({ type: 'spki', format: 'pem' }).toString()
    : privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
};

const unfit: Readonly<Record<string, () => string>> = {
  'no key': () => 'hunter2-hunter2',
  nothing: () => '',
  'a public key': () => pem('ed25519', 'public'),
  'a key of another kind': () => pem('x25519', 'private'),
  'half a key': () => pem('ed25519', 'private').slice(0, 60),
};
for (const [what, content] of Object.entries(unfit)) {
  promise('P1', `a file with ${what} is refused, and nothing of it is shown`, () => {
    const file = join(freshPlace().directory, 'owner.pem');
    const text = content();
    writeFileSync(file, text);
    expect(() => readOwnerKey(file)).toThrow(/not an Ed25519 private key in PEM; make one with/);
    try {
      readOwnerKey(file);
    } catch (error) {
      const secret = text.split('\n').find((one) => one !== '' && !one.startsWith('-----'));
      if (secret !== undefined) expect(String(error)).not.toContain(secret);
      expect((error as Error).cause).toBeUndefined();
    }
  });
}
