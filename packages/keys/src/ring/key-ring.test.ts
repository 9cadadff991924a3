import { createPublicKey, hash, randomBytes, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { getAddressDecoder } from '@solana/kit';
import { fromHex, type KeyAlgorithm, type KeySpec, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { recoverAddress } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { evmAddress, keyAddress, solanaAddress } from './addresses.ts';
import { aesKey } from './aes-key.ts';
import { type KeyRing, type KeyRingOptions, openKeyRing } from './key-ring.ts';
import { privateKeyObject, rawPublicKey } from './raw-keys.ts';
import { ecdsaScalar } from './signing-keys.ts';
import { derivedSpec, fixedRoot, generatedSpec, importedSpec } from './testing/key-specs.ts';
import { walletKey } from './wallet-path.ts';

const root = fixedRoot(5);
const ALGORITHMS: readonly KeyAlgorithm[] = ['secp256k1', 'p256', 'ed25519', 'x25519', 'aes256'];
const all: Record<string, KeySpec> = Object.fromEntries(
  ALGORITHMS.map((algorithm) => [algorithm, derivedSpec(algorithm)]),
);
const open = (keys: Record<string, KeySpec>, given: Partial<KeyRingOptions> = {}): Promise<KeyRing> =>
  openKeyRing({ keys, root, randomBytes, ...given });
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const message = text('a message');
const publicOf = (ring: KeyRing, name: string): Uint8Array => {
  const key = ring.publicKey(name);
  if (key === undefined) throw new Error(`${name} has no public key`);
  return key;
};
const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const nodeKey = (algorithm: 'secp256k1' | 'p256' | 'ed25519', raw: Uint8Array): ReturnType<typeof createPublicKey> => {
  const jwk =
    algorithm === 'ed25519'
      ? { kty: 'OKP', crv: 'Ed25519', x: b64(raw) }
      : {
          kty: 'EC',
          crv: algorithm === 'p256' ? 'P-256' : 'secp256k1',
          x: b64(raw.subarray(0, 32)),
          y: b64(raw.subarray(32)),
        };
  return createPublicKey({ key: jwk, format: 'jwk' });
};
const sha256 = (bytes: Uint8Array): Uint8Array => Uint8Array.from(hash('sha256', bytes, 'buffer'));
const isLow = (signature: Uint8Array, order: bigint): boolean =>
  BigInt(`0x${toHex(signature.subarray(32))}`) <= order / 2n;

describe('signatures', () => {
  promise('P4', 'secp256k1: low s, hedged, and good for two independent implementations', async () => {
    const ring = await open(all);
    const key = publicOf(ring, 'secp256k1');
    const seen = new Set<string>();
    for (let index = 0; index < 32; index++) {
      const text32 = sha256(Uint8Array.of(index >> 1));
      const { signature, recovery } = ring.signSecp256k1('secp256k1', sha256(text32));
      expect(signature).toHaveLength(64);
      expect(isLow(signature, secp256k1.Point.Fn.ORDER)).toBe(true);
      expect(verify('sha256', text32, { key: nodeKey('secp256k1', key), dsaEncoding: 'ieee-p1363' }, signature)).toBe(
        true,
      );
      const recovered = await recoverAddress({
        hash: `0x${toHex(sha256(text32))}`,
        signature: `0x${toHex(signature)}${(27 + recovery).toString(16)}`,
      });
      expect(recovered).toBe(ring.address('secp256k1'));
      seen.add(toHex(signature.subarray(0, 32)));
    }
    expect(seen.size, 'r of one message twice').toBe(32);
  });

  promise('P4', 'P-256: low s, hedged, and good for an independent implementation', async () => {
    const ring = await open(all);
    const key = publicOf(ring, 'p256');
    const seen = new Set<string>();
    for (let index = 0; index < 16; index++) {
      const signature = ring.signP256('p256', message);
      expect(signature).toHaveLength(64);
      expect(isLow(signature, p256.Point.Fn.ORDER)).toBe(true);
      expect(verify('sha256', message, { key: nodeKey('p256', key), dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
      seen.add(toHex(signature.subarray(0, 32)));
    }
    expect(seen.size).toBe(16);
  });

  promise('P4', 'entropy that repeats, as in a copied machine, repeats no nonce for another message', async () => {
    const ring = await open(all, { randomBytes: (length) => new Uint8Array(length).fill(1) });
    const r = (signature: Uint8Array): string => toHex(signature.subarray(0, 32));
    const hashes = Array.from({ length: 8 }, (_, index) => sha256(Uint8Array.of(index)));
    expect(new Set(hashes.map((one) => r(ring.signSecp256k1('secp256k1', one).signature))).size).toBe(8);
    expect(new Set(hashes.map((one) => r(ring.signP256('p256', one)))).size).toBe(8);
  });

  promise('P4', 'Ed25519: good for two independent implementations', async () => {
    const ring = await open(all);
    const key = publicOf(ring, 'ed25519');
    const signature = ring.signEd25519('ed25519', message);
    expect(signature).toHaveLength(64);
    expect(verify(null, message, nodeKey('ed25519', key), signature)).toBe(true);
    const imported = await crypto.subtle.importKey('raw', Uint8Array.from(key), 'Ed25519', false, ['verify']);
    expect(
      await crypto.subtle.verify('Ed25519', imported, Uint8Array.from(signature), message as Uint8Array<ArrayBuffer>),
    ).toBe(true);
    expect(verify(null, text('another'), nodeKey('ed25519', key), signature)).toBe(false);
  });

  test.each([0, 31, 33, 64])('a hash of %i bytes is not signed', async (length) => {
    const ring = await open(all);
    expect(() => ring.signSecp256k1('secp256k1', new Uint8Array(length))).toThrow('32 bytes');
  });

  test('too little entropy is a defect, not a signature', async () => {
    let short = false;
    const ring = await open(all, { randomBytes: (length) => randomBytes(short ? 16 : length) });
    short = true;
    expect(() => ring.signSecp256k1('secp256k1', new Uint8Array(32).fill(1))).toThrow('32 random bytes');
    expect(() => ring.signP256('p256', message)).toThrow('32 random bytes');
    await expect(ring.encrypt('aes256', 'a', message)).rejects.toThrow('32 random bytes');
    await expect(ring.encrypt('x25519', 'a', message)).rejects.toThrow('32 random bytes');
  });
});

describe.each(['aes256', 'x25519'] as const)('encryption with %s', (name) => {
  promise('P4', 'decrypts in its context, and never twice to the same bytes', async () => {
    const ring = await open(all);
    for (const plaintext of [new Uint8Array(0), message, new Uint8Array(100_000).fill(3)]) {
      const [one, two] = [await ring.encrypt(name, 'a', plaintext), await ring.encrypt(name, 'a', plaintext)];
      expect(toHex(one)).not.toBe(toHex(two));
      expect(await ring.decrypt(name, 'a', one)).toEqual(Uint8Array.from(plaintext));
      expect(await ring.decrypt(name, 'a', two)).toEqual(Uint8Array.from(plaintext));
    }
  });

  promise('P4', 'randomness that repeats gives other keys for other plaintexts or contexts', async () => {
    const ring = await open(all, { randomBytes: (length) => new Uint8Array(length).fill(1) });
    const salt = async (context: string, plaintext: string): Promise<string> =>
      toHex((await ring.encrypt(name, context, text(plaintext))).subarray(5, 37));
    expect(new Set([await salt('a', 'x'), await salt('a', 'y'), await salt('b', 'x'), await salt('a', '')]).size).toBe(
      4,
    );
  });

  promise('P4', 'a changed, cut or extended ciphertext says nothing', async () => {
    const ring = await open(all);
    const good = await ring.encrypt(name, 'a', message);
    const bad: Uint8Array[] = [];
    for (let index = 0; index < good.length; index++)
      bad.push(Uint8Array.from(good.with(index, (good[index] ?? 0) ^ 1)));
    for (const length of [0, 1, 4, 5, 36, 37, 52, 53, good.length - 12, good.length - 1])
      bad.push(good.subarray(0, length));
    bad.push(Uint8Array.of(...good, 0));
    const codes = new Set<unknown>();
    for (const one of bad) {
      await ring.decrypt(name, 'a', one).then(
        () => codes.add('decrypted'),
        (error: { code?: string }) => codes.add(error.code),
      );
    }
    expect([...codes].toSorted()).toEqual(['keys.ciphertext', 'keys.unknown-version']);
  });

  promise('P4', 'another context, name or root does not decrypt', async () => {
    const ring = await open({ ...all, twin: derivedSpec(name) });
    const sealed = await ring.encrypt(name, 'a', message);
    const refused = { code: 'keys.ciphertext' };
    await expect(ring.decrypt(name, 'b', sealed)).rejects.toMatchObject(refused);
    await expect(ring.decrypt(name, 'a ', sealed)).rejects.toMatchObject(refused);
    await expect(ring.decrypt('twin', 'a', sealed)).rejects.toMatchObject(refused);
    const other = await open(all, { root: fixedRoot(6) });
    await expect(other.decrypt(name, 'a', sealed)).rejects.toMatchObject(refused);
  });

  promise('P4', 'after a rotation the retired version still decrypts, and never encrypts', async () => {
    const old = await open({ key: derivedSpec(name, { version: 1 }) });
    const sealed = await old.encrypt('key', 'a', message);
    const rotated = await open({ key: derivedSpec(name, { version: 2, retired: [1] }) });
    expect(await rotated.decrypt('key', 'a', sealed)).toEqual(message);
    const fresh = await rotated.encrypt('key', 'a', message);
    expect([...fresh.subarray(0, 5)]).toEqual([1, 0, 0, 0, 2]);
    expect(await rotated.decrypt('key', 'a', fresh)).toEqual(message);
    const relabelled = Uint8Array.from(fresh.with(4, 1));
    await expect(rotated.decrypt('key', 'a', relabelled)).rejects.toMatchObject({ code: 'keys.ciphertext' });
    const forgotten = await open({ key: derivedSpec(name, { version: 2 }) });
    await expect(forgotten.decrypt('key', 'a', sealed)).rejects.toMatchObject({ code: 'keys.unknown-version' });
    await expect(old.decrypt('key', 'a', fresh)).rejects.toMatchObject({ code: 'keys.unknown-version' });
  });

  promise('P4', 'any bytes decrypt to nothing', async () => {
    const ring = await open({ key: derivedSpec(name) });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 120 }), fc.boolean(), async (bytes, plausible) => {
        if (plausible) bytes.set([1, 0, 0, 0, 1].slice(0, bytes.length));
        await expect(ring.decrypt('key', 'a', bytes)).rejects.toMatchObject({
          code: expect.stringMatching(/^keys\.(?:ciphertext|unknown-version)$/),
        });
      }),
      { numRuns: 60 },
    );
  });

  test.each(['', '\ud800', 'a'.repeat(513)])('the context %j is refused', async (context) => {
    const ring = await open(all);
    await expect(ring.encrypt(name, context, message)).rejects.toMatchObject({ code: 'keys.context' });
    const sealed = await ring.encrypt(name, 'a', message);
    await expect(ring.decrypt(name, context, sealed)).rejects.toMatchObject({ code: 'keys.context' });
  });
});

describe('MACs', () => {
  promise('P4', 'are the same for the same, and differ by context, name, version, root and message', async () => {
    const keys = { ...all, twin: derivedSpec('aes256'), next: derivedSpec('aes256', { version: 2 }) };
    const ring = await open(keys);
    const mac = toHex(ring.mac('aes256', 'a', message));
    expect(mac).toMatch(/^[0-9a-f]{64}$/);
    expect(toHex((await open(keys)).mac('aes256', 'a', message))).toBe(mac);
    const others = [
      ring.mac('aes256', 'b', message),
      ring.mac('twin', 'a', message),
      ring.mac('next', 'a', message),
      ring.mac('aes256', 'a', text('another')),
      ring.mac('aes256', 'aa', text(' message')),
      (await open(keys, { root: fixedRoot(6) })).mac('aes256', 'a', message),
    ].map(toHex);
    expect(new Set([mac, ...others]).size).toBe(others.length + 1);
    expect(() => ring.mac('aes256', '', message)).toThrow(expect.objectContaining({ code: 'keys.context' }));
  });
});

describe('origins', () => {
  promise('P4', 'derived keys come back with the root, and differ by name, version, algorithm and path', async () => {
    const keys: Record<string, KeySpec> = {
      ...all,
      other: derivedSpec('ed25519'),
      later: derivedSpec('ed25519', { version: 2 }),
      wallet: derivedSpec('secp256k1', { path: "m/44'/60'/0'/0/0" }),
      second: derivedSpec('secp256k1', { path: "m/44'/60'/0'/0/0" }),
      slip: derivedSpec('ed25519', { path: "m/44'/501'/0'/0'" }),
    };
    const shown = (await open(keys)).publicKeys();
    expect((await open(keys)).publicKeys()).toEqual(shown);
    const publics = shown.flatMap(({ publicKey }) => publicKey ?? []);
    expect(new Set(publics).size).toBe(publics.length);
    expect(shown.map(({ name }) => name)).toEqual(Object.keys(keys).toSorted());
    const elsewhere = await open(keys, { root: fixedRoot(6) });
    for (const { publicKey } of elsewhere.publicKeys())
      expect(publicKey === undefined || !publics.includes(publicKey)).toBe(true);
  });

  promise('P4', 'a derived key is the one that its published path gives, with its algorithm in it', async () => {
    const at = (algorithm: KeyAlgorithm, length: number, purpose?: string): Uint8Array =>
      root.derive(
        { usage: 'key', algorithm, name: 'one', version: 2, scope: 'service', ...(purpose && { purpose }) },
        length,
      );
    const path = "m/44'/501'/0'";
    const raw = (seed: Uint8Array, algorithm: 'ed25519' | 'x25519'): Uint8Array =>
      rawPublicKey(privateKeyObject(algorithm, seed));
    const point = (curve: 'secp256k1' | 'p256'): Uint8Array =>
      (curve === 'p256' ? p256 : secp256k1).getPublicKey(ecdsaScalar(curve, at(curve, 48)), false).slice(1);
    const expected: readonly [spec: KeySpec, publicKey: Uint8Array][] = [
      [derivedSpec('ed25519', { version: 2 }), raw(at('ed25519', 32), 'ed25519')],
      [derivedSpec('x25519', { version: 2 }), raw(at('x25519', 32), 'x25519')],
      [derivedSpec('secp256k1', { version: 2 }), point('secp256k1')],
      [derivedSpec('p256', { version: 2 }), point('p256')],
      [
        derivedSpec('ed25519', { version: 2, path }),
        raw(walletKey('ed25519', at('ed25519', 64, 'wallet-seed'), path), 'ed25519'),
      ],
    ];
    for (const [one, publicKey] of expected) {
      expect(toHex(publicOf(await open({ one }), 'one')), one.algorithm).toBe(toHex(publicKey));
    }
    const mac = toHex((await open({ one: derivedSpec('aes256', { version: 2 }) })).mac('one', 'a', message));
    const same = aesKey({ name: 'one', version: 2 }, at('aes256', 32), randomBytes);
    expect(mac).toBe(toHex(same.mac('a', message)));
  });

  promise('P4', 'generated keys are others at every boot', async () => {
    const keys = Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, generatedSpec(algorithm)]));
    const [one, two] = [await openKeyRing({ keys, randomBytes }), await openKeyRing({ keys, randomBytes })];
    const publics = [...one.publicKeys(), ...two.publicKeys()].flatMap(({ publicKey }) => publicKey ?? []);
    expect(new Set(publics).size).toBe(8);
    const sealed = await one.encrypt('aes256', 'a', message);
    await expect(two.decrypt('aes256', 'a', sealed)).rejects.toMatchObject({ code: 'keys.ciphertext' });
  });

  const secret = new Uint8Array(32).fill(9);
  const publicKeys: Readonly<Record<Exclude<KeyAlgorithm, 'aes256'>, string>> = {
    secp256k1: toHex(secp256k1.getPublicKey(secret, false).slice(1)),
    p256: toHex(p256.getPublicKey(secret, false).slice(1)),
    ed25519: toHex(rawPublicKey(privateKeyObject('ed25519', secret))),
    x25519: toHex(rawPublicKey(privateKeyObject('x25519', secret))),
  };
  const use: Readonly<Record<keyof typeof publicKeys, (ring: KeyRing) => unknown>> = {
    secp256k1: (ring) => ring.signSecp256k1('key', new Uint8Array(32).fill(1)),
    p256: (ring) => ring.signP256('key', message),
    ed25519: (ring) => ring.signEd25519('key', message),
    x25519: (ring) => ring.encrypt('key', 'a', message),
  };
  for (const algorithm of ['secp256k1', 'p256', 'ed25519', 'x25519'] as const) {
    promise('P4', `an imported ${algorithm} key is unusable until the right one is handed in`, async () => {
      const ring = await open({ key: importedSpec(algorithm, publicKeys[algorithm]) });
      expect(toHex(publicOf(ring, 'key'))).toBe(publicKeys[algorithm]);
      await expect((async () => use[algorithm](ring))()).rejects.toMatchObject({ code: 'keys.not-imported' });
      const wrong = [
        new Uint8Array(32).fill(8),
        secret.subarray(1),
        Uint8Array.of(...secret, 0),
        new Uint8Array(0),
        new Uint8Array(32),
        new Uint8Array(32).fill(0xff),
      ];
      for (const bytes of wrong) {
        await expect(ring.importKey('key', bytes)).rejects.toMatchObject({ code: 'keys.import' });
      }
      await expect((async () => use[algorithm](ring))()).rejects.toMatchObject({ code: 'keys.not-imported' });
      const given = Uint8Array.from(secret);
      await ring.importKey('key', given);
      await ring.importKey('key', given);
      given.fill(0);
      await (async () => use[algorithm](ring))();
    });
  }

  promise('P4', 'only imported keys can be handed in', async () => {
    const ring = await open({ ...all, mine: generatedSpec('ed25519') });
    for (const name of ['ed25519', 'mine']) {
      await expect(ring.importKey(name, secret)).rejects.toMatchObject({ code: 'keys.import' });
    }
    await expect(ring.importKey('nobody', secret)).rejects.toMatchObject({ code: 'keys.unknown-key' });
  });

  const impossible: readonly [what: string, spec: KeySpec][] = [
    ['a retired version that is the active one', derivedSpec('aes256', { version: 2, retired: [2] })],
    ['a retired version of the future', derivedSpec('aes256', { version: 2, retired: [3] })],
    ['a retired version named twice', derivedSpec('aes256', { version: 3, retired: [1, 1] })],
    ['a retired version of a generated key', { ...generatedSpec('aes256'), version: 2, retired: [1] }],
    ['a retired version of an imported key', importedSpec('ed25519', publicKeys.ed25519, { version: 2, retired: [1] })],
    ['a version of 2^32', derivedSpec('aes256', { version: 2 ** 32 })],
    ['an imported symmetric key', importedSpec('aes256', '00'.repeat(32))],
    ['a long public key of Ed25519', importedSpec('ed25519', publicKeys.p256)],
    ['a short public key of P-256', importedSpec('p256', publicKeys.ed25519)],
  ];
  for (const [what, spec] of impossible) {
    promise('P4', `${what} is refused`, async () => {
      await expect(open({ key: spec })).rejects.toMatchObject({
        code: 'keys.spec',
        message: expect.stringContaining('key'),
      });
    });
  }

  test.each(['p256', 'x25519', 'aes256'] as const)('%s has no wallet paths', async (algorithm) => {
    await expect(open({ key: derivedSpec(algorithm, { path: 'm/0' }) })).rejects.toMatchObject({ code: 'keys.path' });
  });

  test('Ed25519 has no soft steps', async () => {
    const key = derivedSpec('ed25519', { path: "m/44'/501'/0" });
    await expect(open({ key })).rejects.toMatchObject({ code: 'keys.path' });
  });

  promise('P4', 'derived keys need a root; without keys nothing is needed', async () => {
    await expect(openKeyRing({ keys: all, randomBytes })).rejects.toMatchObject({ code: 'keys.root-needed' });
    expect((await openKeyRing({ keys: undefined, randomBytes })).publicKeys()).toEqual([]);
  });
});

describe('refusals', () => {
  type Use = (ring: KeyRing, name: string) => unknown;
  const uses: readonly [what: string, fits: readonly KeyAlgorithm[], use: Use][] = [
    ['secp256k1', ['secp256k1'], (ring, name) => ring.signSecp256k1(name, new Uint8Array(32).fill(1))],
    ['P-256', ['p256'], (ring, name) => ring.signP256(name, message)],
    ['Ed25519', ['ed25519'], (ring, name) => ring.signEd25519(name, message)],
    ['encryption', ['aes256', 'x25519'], (ring, name) => ring.encrypt(name, 'a', message)],
    ['decryption', ['aes256', 'x25519'], (ring, name) => ring.decrypt(name, 'a', Uint8Array.of(1, 0, 0, 0, 1))],
    ['MACs', ['aes256'], (ring, name) => ring.mac(name, 'a', message)],
  ];
  for (const [what, fits, use] of uses) {
    promise('P4', `${what} is refused to keys of other algorithms, unknown keys and a closed ring`, async () => {
      const ring = await open(all);
      const attempt = async (name: string): Promise<unknown> => use(ring, name);
      for (const algorithm of ALGORITHMS.filter((one) => !fits.includes(one))) {
        await expect(attempt(algorithm)).rejects.toMatchObject({ code: 'keys.wrong-algorithm' });
      }
      for (const name of ['', 'nobody', '__proto__', 'constructor', 'ed25519 ']) {
        await expect(attempt(name)).rejects.toMatchObject({ code: 'keys.unknown-key' });
      }
      ring.close();
      ring.close();
      await expect(attempt(fits[0] ?? '')).rejects.toMatchObject({ code: 'keys.closed' });
    });
  }

  test('a version that never was has no public key', async () => {
    const ring = await open({ key: derivedSpec('ed25519', { version: 3, retired: [1] }) });
    expect(ring.publicKey('key', 3)).toEqual(ring.publicKey('key'));
    expect(ring.publicKey('key', 1)).not.toEqual(ring.publicKey('key'));
    for (const version of [0, 2, 4]) expect(ring.publicKey('key', version)).toBeUndefined();
  });

  test('overwriting a public key that was given out changes nothing', async () => {
    const ring = await open(all);
    const before = toHex(publicOf(ring, 'ed25519'));
    ring.publicKey('ed25519')?.fill(0);
    expect(toHex(publicOf(ring, 'ed25519'))).toBe(before);
  });
});

describe('addresses', () => {
  test('a wallet path gives what other wallets get from the same seed', async () => {
    const mnemonic = 'test test test test test test test test test test test junk';
    const seed = fromHex(
      '9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0',
    );
    if (seed === undefined) throw new Error('not hexadecimal');
    const key = walletKey('secp256k1', seed, "m/44'/60'/0'/0/0");
    const address = evmAddress(secp256k1.getPublicKey(key, false).slice(1));
    expect(address).toBe('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266');
    expect(mnemonicToAccount(mnemonic).address).toBe(address);
  });

  test('EIP-55 and base58 as viem and Solana Kit write them', async () => {
    const keys = {
      wallet: derivedSpec('secp256k1'),
      sol: derivedSpec('ed25519', {
        policy: {
          rules: [
            {
              id: 'all',
              effect: 'allow',
              action: 'solana.message',
              effects: [{ kind: 'sol-transfer', to: 'any', max: 'any' }],
              fee: { max: 'any' },
            },
          ],
        },
      }),
      plain: derivedSpec('ed25519'),
      p256: derivedSpec('p256'),
      aes256: derivedSpec('aes256'),
    } satisfies Record<string, KeySpec>;
    const ring = await open(keys);
    expect(ring.address('wallet')).toMatch(/^0x(?=.*[A-F])[0-9a-fA-F]{40}$/);
    expect(ring.address('sol')).toBe(getAddressDecoder().decode(publicOf(ring, 'sol')));
    for (const name of ['plain', 'p256', 'aes256']) expect(ring.address(name)).toBeUndefined();
    expect(ring.publicKeys().map(({ name, address }) => [name, address])).toEqual([
      ['aes256', undefined],
      ['p256', undefined],
      ['plain', undefined],
      ['sol', ring.address('sol')],
      ['wallet', ring.address('wallet')],
    ]);
    expect(keyAddress(keys.wallet, publicOf(ring, 'wallet'))).toBe(ring.address('wallet'));
  });

  test.each([0, 32, 33, 63, 65])('%i bytes are no uncompressed point', (length) => {
    expect(() => evmAddress(new Uint8Array(length))).toThrow('64 bytes');
  });

  test.each([0, 31, 33, 64])('%i bytes are no Ed25519 key', (length) => {
    expect(() => solanaAddress(new Uint8Array(length))).toThrow('32 bytes');
  });
});

promise('P4', 'no private byte is in what the ring shows, gives or throws', async () => {
  const canaries: Uint8Array[] = [];
  const canary = (length: number): Uint8Array => {
    // Below the orders of both curves and the same after reduction, so that scalars are canaries, too.
    const bytes = randomBytes(length);
    if (length === 48) bytes.fill(0, 0, 17);
    canaries.push(Uint8Array.from(length === 48 ? bytes.subarray(17) : bytes));
    return bytes;
  };
  const keys = Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, generatedSpec(algorithm)]));
  const ring = await openKeyRing({ keys, randomBytes: canary });
  const imported = await openKeyRing({
    keys: { key: importedSpec('ed25519', toHex(publicOf(ring, 'ed25519'))) },
    randomBytes,
  });
  const secrets = canaries.splice(0);
  expect(secrets).toHaveLength(ALGORITHMS.length);
  // They are drawn in the order of the names.
  await imported.importKey('key', secrets[ALGORITHMS.toSorted().indexOf('ed25519')] ?? new Uint8Array(0));
  const given: unknown[] = [ring, imported, ring.publicKeys(), Object.values(ring)];
  given.push(ring.signEd25519('ed25519', message), ring.signP256('p256', message));
  given.push(ring.signSecp256k1('secp256k1', new Uint8Array(32).fill(1)), ring.mac('aes256', 'a', message));
  for (const name of ['aes256', 'x25519']) given.push(await ring.encrypt(name, 'a', message));
  const failures = [
    () => ring.signEd25519('aes256', message),
    () => ring.decrypt('aes256', 'a', new Uint8Array(80)),
    () => ring.decrypt('x25519', 'a', Uint8Array.of(1, 0, 0, 0, 1, ...new Uint8Array(80))),
    () => imported.importKey('key', secrets[0] ?? new Uint8Array(0)),
    () => ring.importKey('aes256', secrets[0] ?? new Uint8Array(0)),
  ];
  for (const failure of failures) {
    given.push(
      await (async () => failure())().then(
        () => {
          throw new Error('it should have failed');
        },
        (error: unknown) => error,
      ),
    );
  }
  const show = (value: unknown): string =>
    [
      inspect(value, { showHidden: true, depth: 20, getters: true, maxArrayLength: 1000 }),
      JSON.stringify(value) ?? '',
      value instanceof Uint8Array ? toHex(value) + Buffer.from(value).toString('base64') : '',
    ]
      .join(' ')
      .replaceAll(/\s/g, '')
      .toLowerCase();
  const holds = (shown: string, secret: Uint8Array): readonly boolean[] => [
    shown.includes(toHex(secret.subarray(8, 20))),
    shown.includes(Buffer.from(secret.subarray(9, 21)).toString('base64').toLowerCase()),
    shown.includes([...secret.subarray(8, 20)].join(',')),
  ];
  const shown = given.map(show).join('\n');
  for (const secret of secrets) {
    expect(holds(show({ deep: [secret] }), secret), 'the search finds what is there').toContain(true);
    expect(holds(shown, secret)).toEqual([false, false, false]);
  }
});
