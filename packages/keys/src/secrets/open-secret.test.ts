import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type SealedSecret,
  sealedSecretAad,
  sealedSecretInfo,
  sealedSecretSigned,
  toBase64Url,
  toHex,
} from '@vitrine/documents';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type SealSecretOptions, type SecretOwner, sealSecret } from '../../../client/src/secrets/seal-secret.ts';
import { type OpenSecretOptions, openSealedSecret } from './open-secret.ts';
import { publicKeyOf, sealBase } from './testing/hpke.ts';

const MANIFEST = 'ab'.repeat(48);
const PRIVATE = new Uint8Array(32).fill(0x21);
const HPKE_KEY = toBase64Url(publicKeyOf(PRIVATE));
const CANARY = 'sk-live-CANARY-5f1d';
const VALUE = new TextEncoder().encode(CANARY);

interface Owner extends SecretOwner {
  readonly privateKey: KeyObject;
}
function makeOwner(): Owner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return { publicKey: toHex(raw), privateKey, sign: (bytes) => sign(null, bytes, privateKey) };
}
const owner = makeOwner();
const stranger = makeOwner();

const seal = (change: Partial<SealSecretOptions> = {}): Promise<SealedSecret> =>
  sealSecret({
    name: 'bank-token',
    version: 3,
    purpose: 'credential',
    value: VALUE,
    manifestDigest: MANIFEST,
    hpkeKey: HPKE_KEY,
    owner,
    ...change,
  });

const options: OpenSecretOptions = {
  hpkePrivateKey: PRIVATE,
  manifestDigest: MANIFEST,
  ownerOf: (purpose, name) => (purpose === 'credential' && name === 'bank-token' ? owner.publicKey : undefined),
  lastVersion: () => 2,
};

/** The code of the refusal; the message never has the value, nor a private byte. */
async function refusal(document: unknown, change: Partial<OpenSecretOptions> = {}): Promise<string> {
  try {
    await openSealedSecret(document, { ...options, ...change });
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    const said = error as Error & { readonly code?: string };
    expect(`${said.message} ${String(said.cause)}`).not.toMatch(new RegExp(`CANARY|${'21'.repeat(32)}`));
    return said.code ?? `defect: ${String(error)}`;
  }
  return 'opened';
}

/** Signed again by the owner, so that only what was changed is wrong. */
function resign(sealed: SealedSecret, by: Owner = owner): SealedSecret {
  return { ...sealed, signature: toBase64Url(sign(null, sealedSecretSigned(sealed), by.privateKey)) };
}

const sealed = await seal();

promise('P1', 'what an owner seals, the key service opens', async () => {
  expect(await openSealedSecret(sealed, options)).toEqual({
    name: 'bank-token',
    purpose: 'credential',
    version: 3,
    value: VALUE,
  });
  expect(JSON.stringify(sealed)).not.toContain(CANARY);
  expect(Buffer.from(sealed.ciphertext, 'base64url').toString('latin1')).not.toContain(CANARY);
});

promise('P1', 'two sealings of one value have nothing in common', async () => {
  const again = await seal();
  expect(again.enc).not.toBe(sealed.enc);
  expect(again.ciphertext).not.toBe(sealed.ciphertext);
});

promise('P4', 'a key is opened with all of its bytes, whatever they are', async () => {
  const ownerOf: OpenSecretOptions['ownerOf'] = (purpose, name) =>
    purpose === 'key' && name === 'wallet' ? owner.publicKey : undefined;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (value) => {
      const key = await seal({ name: 'wallet', purpose: 'key', value });
      expect((await openSealedSecret(key, { ...options, ownerOf })).value).toEqual(new Uint8Array(value));
    }),
    { numRuns: 20 },
  );
  const largest = await seal({ name: 'wallet', purpose: 'key', value: new Uint8Array(16_384) });
  expect((await openSealedSecret(largest, { ...options, ownerOf })).value.length).toBe(16_384);
});

promise('P1', 'the version must rise', async () => {
  expect(await refusal(sealed, { lastVersion: () => 3 })).toBe('secret.version');
  expect(await refusal(sealed, { lastVersion: () => 4 })).toBe('secret.version');
  expect(await refusal(sealed, { lastVersion: () => Promise.resolve(3) })).toBe('secret.version');
  expect(await refusal(sealed, { lastVersion: () => 0 })).toBe('opened');
});

promise('P1', 'a secret for another manifest is refused', async () => {
  expect(await refusal(await seal({ manifestDigest: 'ac'.repeat(48) }))).toBe('secret.manifest');
  expect(await refusal(sealed, { manifestDigest: 'ac'.repeat(48) })).toBe('secret.manifest');
});

promise('P1', 'a secret for another boot is refused, with what to do', async () => {
  const later = { ...options, hpkePrivateKey: new Uint8Array(32).fill(0x22) };
  await expect(openSealedSecret(sealed, later)).rejects.toThrow(/another boot.*verify the enclave and seal again/);
  expect(await refusal(sealed, later)).toBe('secret.recipient');
});

promise('P1', 'only the owner in the manifest hands a secret in', async () => {
  expect(await refusal(await seal({ owner: stranger }))).toBe('secret.owner');
  expect(await refusal(resign(sealed, stranger))).toBe('secret.owner');
  // A stranger who claims to be the owner.
  expect(await refusal(await seal({ owner: { ...stranger, publicKey: owner.publicKey } }))).toBe('secret.owner');
});

promise('P1', 'a stranger cannot make the ciphertext of another his own', async () => {
  const stolen = resign({ ...sealed, owner: stranger.publicKey }, stranger);
  expect(await refusal(stolen, { ownerOf: () => stranger.publicKey })).toBe('secret.unopenable');
});

promise('P1', 'a name or purpose that the manifest does not have is refused', async () => {
  expect(await refusal(await seal({ name: 'other' }))).toBe('secret.unknown');
  expect(await refusal(await seal({ purpose: 'key' }))).toBe('secret.unknown');
});

promise('P1', 'with every member that is swapped the signature does not hold', async () => {
  const other = await seal({ version: 4 });
  for (const change of [
    { version: 4 },
    { enc: other.enc },
    { ciphertext: other.ciphertext },
    { signature: other.signature },
    { hpkeKey: other.enc },
    { manifest: 'ac'.repeat(48) },
  ]) {
    expect(await refusal({ ...sealed, ...change }), Object.keys(change)[0]).toBe('secret.owner');
  }
});

promise('P1', 'even signed again by its owner, a ciphertext opens under nothing else', async () => {
  const other = await seal({ version: 4 });
  for (const change of [
    { version: 4 },
    { enc: other.enc },
    { ciphertext: other.ciphertext },
    { ciphertext: toBase64Url(new Uint8Array(40)) },
  ]) {
    expect(await refusal(resign({ ...sealed, ...change })), Object.keys(change)[0]).toBe('secret.unopenable');
  }
  const renamed = resign({ ...sealed, name: 'other-token' });
  expect(await refusal(renamed, { ownerOf: () => owner.publicKey })).toBe('secret.unopenable');
  const repurposed = resign({ ...sealed, purpose: 'key' });
  expect(await refusal(repurposed, { ownerOf: () => owner.publicKey })).toBe('secret.unopenable');
  const moved = resign({ ...sealed, manifest: 'ac'.repeat(48) });
  expect(await refusal(moved, { manifestDigest: 'ac'.repeat(48) })).toBe('secret.unopenable');
});

promise('P1', 'an encapsulated key of small order opens nothing', async () => {
  for (const first of [0, 1]) {
    const enc = toBase64Url(Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? first : 0)));
    expect(await refusal(resign({ ...sealed, enc }))).toBe('secret.unopenable');
  }
});

promise('P1', 'a value that no header can carry is refused, whoever sealed it', async () => {
  // Sealed by another program than ours, which would refuse it too.
  const { enc: _e, ciphertext: _c, signature: _s, type: _t, ...header } = sealed;
  for (const text of ['a\r\nX-Evil: 1', 'token\n', 'two words', 'ä', '\u0000']) {
    const ephemeral = new Uint8Array(32).fill(0x33);
    const ciphertext = sealBase(publicKeyOf(PRIVATE), ephemeral, new TextEncoder().encode(text), {
      info: sealedSecretInfo(header),
      aad: sealedSecretAad(header),
      keyLength: 32,
    });
    const forged = { ...sealed, enc: toBase64Url(publicKeyOf(ephemeral)), ciphertext: toBase64Url(ciphertext) };
    expect(await refusal(resign(forged)), JSON.stringify(text)).toBe('secret.value');
  }
});

promise('P1', 'what is no sealed secret is refused as such', async () => {
  for (const document of [undefined, null, 1, 'text', [], {}, [sealed], { ...sealed, extra: 1 }]) {
    expect(await refusal(document)).toBe('secret.malformed');
  }
  for (const member of Object.keys(sealed) as (keyof SealedSecret)[]) {
    for (const value of [undefined, null, 1.5, '', {}, '!']) {
      expect(await refusal({ ...sealed, [member]: value }), member).toBe('secret.malformed');
    }
  }
  // Spare bits that another reader would ignore.
  for (const member of ['enc', 'signature'] as const) {
    const spare = `${sealed[member].slice(0, -1)}${String.fromCharCode(sealed[member].charCodeAt(sealed[member].length - 1) + 1)}`;
    expect(await refusal({ ...sealed, [member]: spare }), member).toBe('secret.malformed');
  }
});

promise('P1', 'no single changed bit of ciphertext, encapsulated key or signature opens', async () => {
  for (const member of ['ciphertext', 'enc', 'signature'] as const) {
    const bytes = Buffer.from(sealed[member], 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const changed = Uint8Array.from(bytes, (byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      const document = { ...sealed, [member]: toBase64Url(changed) };
      expect(await refusal(document), `${member} ${bit}`).toBe('secret.owner');
    }
  }
});

promise('P1', 'any JSON is refused with a reason', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.constantFrom(...Object.keys(sealed)), async (value, member) => {
      expect(await refusal(value)).toBe('secret.malformed');
      const code = await refusal({ ...sealed, [member]: value });
      expect(code).toMatch(/^secret\./);
    }),
    { numRuns: 200 },
  );
});
