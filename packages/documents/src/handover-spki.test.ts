import { createHash, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { handoverSpki } from './handover-spki.ts';

test('it is the digest of what Node makes of the key', async () => {
  const { publicKey } = generateKeyPairSync('x25519');
  const der = publicKey.export({ format: 'der', type: 'spki' });
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  expect(await handoverSpki(raw)).toBe(createHash('sha256').update(der).digest('hex'));
});

test('another length is a mistake of the caller', async () => {
  await expect(handoverSpki(new Uint8Array(31))).rejects.toThrow(TypeError);
});
