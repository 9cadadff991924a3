import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { sealedSecretAad, sealedSecretInfo, sealedSecretSigned, toBase64Url, toHex } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openBase, publicKeyOf } from '../../../keys/src/secrets/testing/hpke.ts';
import { type SealSecretOptions, sealSecret } from './seal-secret.ts';

const PRIVATE = new Uint8Array(32).fill(0x21);
const pair = generateKeyPairSync('ed25519');
const publicKey = toHex(Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
const OPTIONS: SealSecretOptions = {
  name: 'bank-token',
  version: 1,
  purpose: 'credential',
  value: new TextEncoder().encode('sk-CANARY'),
  manifestDigest: 'ab'.repeat(48),
  hpkeKey: toBase64Url(publicKeyOf(PRIVATE)),
  owner: { publicKey, sign: (bytes) => sign(null, bytes, pair.privateKey) },
};

/** The code of the refusal, whose message has nothing of the value. */
async function refusal(change: Partial<SealSecretOptions>): Promise<string> {
  let wasSigned = false;
  const owner = {
    ...OPTIONS.owner,
    sign: (bytes: Uint8Array) => {
      wasSigned = true;
      return OPTIONS.owner.sign(bytes);
    },
  };
  try {
    await sealSecret({ ...OPTIONS, owner, ...change });
  } catch (error) {
    const said = error as Error & { readonly code?: string };
    expect(said.message).not.toContain('CANARY');
    expect(wasSigned).toBe(false);
    return said.code ?? `defect: ${String(error)}`;
  }
  return 'sealed';
}

promise('P1', 'a sealed secret is HPKE to the key of the enclave, signed by its owner', async () => {
  const sealed = await sealSecret(OPTIONS);
  const signature = Buffer.from(sealed.signature, 'base64url');
  expect(verify(null, sealedSecretSigned(sealed), pair.publicKey, signature)).toBe(true);
  const message = { info: sealedSecretInfo(sealed), aad: sealedSecretAad(sealed), keyLength: 32 } as const;
  const opened = openBase(
    PRIVATE,
    Buffer.from(sealed.enc, 'base64url'),
    Buffer.from(sealed.ciphertext, 'base64url'),
    message,
  );
  expect(new Uint8Array(opened)).toEqual(OPTIONS.value);
  expect(sealed).toMatchObject({ name: 'bank-token', version: 1, purpose: 'credential', owner: publicKey });
});

promise('P1', 'a value that cannot be used is not sealed', async () => {
  expect(await refusal({ value: new Uint8Array(0) })).toBe('secret.value');
  expect(await refusal({ value: new Uint8Array(16_385).fill(65) })).toBe('secret.value');
  expect(await refusal({ value: new TextEncoder().encode('CANARY\n') })).toBe('secret.value');
});

promise('P1', 'nothing is sealed under fields that no enclave reads', async () => {
  expect(await refusal({ name: 'Bank Token' })).toBe('secret.malformed');
  expect(await refusal({ version: 0 })).toBe('secret.malformed');
  expect(await refusal({ version: 1.5 })).toBe('secret.malformed');
  expect(await refusal({ manifestDigest: 'ab' })).toBe('secret.malformed');
  expect(await refusal({ hpkeKey: '' })).toBe('secret.malformed');
  expect(await refusal({ purpose: 'root' as 'key' })).toBe('secret.malformed');
});

promise('P1', 'nothing is sealed to a key that would give everybody the secret', async () => {
  for (const first of [0, 1]) {
    const weak = Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? first : 0));
    expect(await refusal({ hpkeKey: toBase64Url(weak) })).toBe('secret.recipient');
  }
  expect(await refusal({ hpkeKey: `${'A'.repeat(42)}B` })).toBe('secret.recipient');
});

promise('P1', 'a signer whose answer is no signature makes no sealed secret', async () => {
  const owner = { publicKey, sign: () => new Uint8Array(63) };
  await expect(sealSecret({ ...OPTIONS, owner })).rejects.toMatchObject({ code: 'secret.malformed' });
});
