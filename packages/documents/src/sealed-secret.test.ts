import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { toHex } from './encoding.ts';
import {
  MAX_SECRET_BYTES,
  requireSecretValue,
  type SealedSecret,
  sealedSecretAad,
  sealedSecretInfo,
  sealedSecretShape,
  sealedSecretSigned,
} from './sealed-secret.ts';

interface Vector {
  readonly sealed: SealedSecret;
  readonly info: string;
  /** As text. */
  readonly associatedData: string;
  readonly signed: string;
}
const vector = JSON.parse(readFileSync(new URL('../vectors/sealed-secret.json', import.meta.url), 'utf8')) as Vector;
const { sealed } = vector;

promise('P1', 'what encryption and signature fix is that of the published vector', () => {
  expect(sealedSecretShape.parse(sealed).ok).toBe(true);
  expect(toHex(sealedSecretInfo(sealed))).toBe(vector.info);
  expect(new TextDecoder().decode(sealedSecretAad(sealed))).toBe(vector.associatedData);
  expect(toHex(sealedSecretSigned(sealed))).toBe(vector.signed);
  const x = Buffer.from(sealed.owner, 'hex').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  expect(verify(null, Buffer.from(vector.signed, 'hex'), key, Buffer.from(sealed.signature, 'base64url'))).toBe(true);
});

promise('P1', 'every member but the signature is signed, and every one that is known before is authenticated', () => {
  const other: Readonly<Record<string, unknown>> = {
    name: 'other',
    version: 8,
    purpose: 'key',
    manifest: 'ac'.repeat(48),
    hpkeKey: sealed.enc,
    enc: sealed.hpkeKey,
    ciphertext: `${sealed.ciphertext.slice(0, -2)}AA`,
    owner: '00'.repeat(32),
  };
  for (const [member, value] of Object.entries(other)) {
    const changed = { ...sealed, [member]: value } as SealedSecret;
    expect(toHex(sealedSecretSigned(changed)), member).not.toBe(vector.signed);
    if (member === 'enc' || member === 'ciphertext') continue;
    expect(new TextDecoder().decode(sealedSecretAad(changed)), member).not.toBe(vector.associatedData);
    if (member === 'hpkeKey' || member === 'owner') continue;
    expect(toHex(sealedSecretInfo(changed)), member).not.toBe(vector.info);
  }
});

promise('P1', 'no two secrets have the same info', () => {
  const part = fc.record({
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/),
    version: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    purpose: fc.constantFrom('key' as const, 'credential' as const),
  });
  fc.assert(
    fc.property(part, part, (one, two) => {
      const same = one.name === two.name && one.version === two.version && one.purpose === two.purpose;
      const infos = [one, two].map((header) => toHex(sealedSecretInfo({ ...sealed, ...header })));
      expect(infos[0] === infos[1]).toBe(same);
    }),
  );
});

for (const [member, bad] of Object.entries({
  type: ['vitrine/sealed-secret/v2', 1],
  name: ['', 'A', '../x', '1a', 'a'.repeat(33), 1],
  version: [0, -1, 1.5, '1', 2 ** 53],
  purpose: ['root', 'Key', ''],
  manifest: ['ab'.repeat(47), 'AB'.repeat(48), ''],
  hpkeKey: ['A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`],
  enc: ['A'.repeat(42), 'A'.repeat(44)],
  ciphertext: ['', 'A'.repeat(22), 'A'.repeat(21_868), `${'A'.repeat(23)}=`, `${'A'.repeat(23)}\n`],
  owner: ['ab'.repeat(31), 'AB'.repeat(32)],
  signature: ['A'.repeat(85), 'A'.repeat(87)],
} as Readonly<Record<string, readonly unknown[]>>)) {
  promise('P1', `a sealed secret with a malformed or missing ${member}, or another member, is none`, () => {
    for (const value of bad) {
      expect(sealedSecretShape.parse({ ...sealed, [member]: value }).ok, String(value).slice(0, 40)).toBe(false);
    }
    expect(
      sealedSecretShape.parse(Object.fromEntries(Object.entries(sealed).filter(([one]) => one !== member))).ok,
    ).toBe(false);
    expect(sealedSecretShape.parse({ ...sealed, [`${member}2`]: 1 }).ok).toBe(false);
  });
}

const refused = expect.objectContaining({ code: 'secret.value' }) as Error;

promise('P1', 'a secret has 1 to 16384 bytes', () => {
  for (const purpose of ['key', 'credential'] as const) {
    expect(() => requireSecretValue(purpose, new Uint8Array(0))).toThrow(refused);
    expect(() => requireSecretValue(purpose, new Uint8Array(MAX_SECRET_BYTES + 1).fill(65))).toThrow(refused);
    expect(() => requireSecretValue(purpose, new Uint8Array(1).fill(65))).not.toThrow();
    expect(() => requireSecretValue(purpose, new Uint8Array(MAX_SECRET_BYTES).fill(65))).not.toThrow();
  }
});

promise('P1', 'a credential is visible ASCII, and the refusal has nothing of it', () => {
  for (let byte = 0; byte < 256; byte++) {
    const value = Uint8Array.of(83, 69, 67, byte, 82, 69, 84);
    const visible = byte >= 0x21 && byte <= 0x7e;
    if (visible) expect(() => requireSecretValue('credential', value)).not.toThrow();
    else {
      expect(() => requireSecretValue('credential', value)).toThrow(refused);
      expect(() => requireSecretValue('credential', value)).toThrow(/^byte 4 of 7 of the credential is no visible/);
    }
    expect(() => requireSecretValue('key', value)).not.toThrow();
  }
});
