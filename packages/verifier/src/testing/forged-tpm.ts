/**
 * Forged TPM quotes for this package's tests: good in everything, except for what a test changes.
 *
 * @module
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { concatBytes, fromHex, toHex } from '@vitrine/documents';
import type { HardwareOutcome } from '../technology.ts';
import { parseTpmAttestationKey, type TpmAttestationKey } from '../tpm/attestation-key.ts';
import type { TpmPolicy } from '../tpm/policy.ts';
import { verifyTpm } from '../tpm/verify-tpm.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The TPM part of the `hardware-only` preset. */
export const TPM_POLICY: TpmPolicy = { pcrSelection: 'any', pcrs: 'any', nonce: 'any', clock: 'safe' };

export const TPM_NONCE: Bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
export const SHA256 = 0x000b;

interface Key {
  readonly kind: 'rsa' | 'ecdsa';
  readonly privateKey: KeyObject;
  readonly pem: string;
  readonly spki: Bytes;
  /** What `--tpm-ak` would give. */
  readonly trusted: TpmAttestationKey;
}

export const RSA_KEY: Key = makeKey('rsa');
export const ECDSA_KEY: Key = makeKey('ecdsa');
export const OTHER_RSA_KEY: Key = makeKey('rsa');
export const OTHER_ECDSA_KEY: Key = makeKey('ecdsa');

export interface TpmChanges {
  /** `binary` unless given; `hex` needs the RSA key, `pub` the ECDSA key. */
  readonly form?: 'binary' | 'hex' | 'keyed' | 'pub';
  /** RSA unless given. */
  readonly key?: Key;
  /** What the file says that the key is. */
  readonly statedKey?: Key;
  readonly magic?: number;
  readonly type?: number;
  readonly extraData?: Uint8Array;
  readonly safe?: number;
  /** Bank and bitmap. */
  readonly selections?: readonly (readonly [bank: number, bitmap: readonly number[]])[];
  readonly pcrDigest?: Uint8Array;
  /** Values in the file, instead of the ones that are hashed. */
  readonly pcrs?: readonly string[];
  /** Before it is signed. */
  readonly attest?: (bytes: Bytes) => Bytes;
  /** The bare signature. */
  readonly signature?: (bytes: Bytes) => Bytes;
  /** TPMT_SIGNATURE. */
  readonly structure?: (bytes: Bytes) => Bytes;
  /** The members of a JSON form. */
  readonly json?: (members: Record<string, unknown>) => unknown;
}

/** Value of each register: its index in every byte. */
export const PCR_VALUES: readonly string[] = Array.from({ length: 24 }, (_, index) =>
  toHex(new Uint8Array(32).fill(index)),
);

/** One quote, by default of registers 0 to 7. */
export function forgeTpm(changes: TpmChanges = {}): Bytes {
  const key = changes.key ?? (changes.form === 'pub' ? ECDSA_KEY : RSA_KEY);
  const plain = forgeAttest(changes);
  const attest = changes.attest?.(plain) ?? plain;
  const made = Uint8Array.from(sign('sha256', attest, { key: key.privateKey, dsaEncoding: 'ieee-p1363' }));
  const bare = changes.signature?.(made) ?? made;
  const whole = tpmtSignature(key, bare);
  const structure = changes.structure?.(whole) ?? whole;
  const pcrs = changes.pcrs ?? PCR_VALUES;
  const stated = changes.statedKey ?? key;
  switch (changes.form ?? 'binary') {
    case 'binary':
      return concatBytes(attest, structure);
    case 'hex':
      return asJson(changes, { message: toHex(attest), signature: toHex(bare), pcrs });
    case 'keyed': {
      const quote = { message: base64(attest), signature: base64(structure), pcrs };
      return asJson(changes, { ak_public: base64(stated.spki), tpm_quote: quote });
    }
    case 'pub':
      return asJson(changes, {
        pub: toHex(tpmtPublic(stated)),
        quoted: toHex(attest),
        r: toHex(bare.slice(0, 32)),
        s: toHex(bare.slice(32)),
      });
  }
}

/** Verifies a good quote with `changes`. */
export async function verifyForgedTpm(
  changes: TpmChanges & {
    readonly policy?: Partial<TpmPolicy>;
    readonly trusted?: Key | 'none';
    readonly expectedNonce?: Uint8Array;
  } = {},
): Promise<HardwareOutcome> {
  const trusted = changes.trusted ?? changes.key ?? (changes.form === 'pub' ? ECDSA_KEY : RSA_KEY);
  return verifyTpm(forgeTpm(changes), {
    policy: { ...TPM_POLICY, ...changes.policy },
    ...(trusted === 'none' ? {} : { ak: trusted.trusted }),
    ...(changes.expectedNonce === undefined ? {} : { expectedNonce: changes.expectedNonce }),
  });
}

/** TPMT_PUBLIC of a restricted signing key. */
export function tpmtPublic({ kind, spki }: Key, attributes = 0x0005_0072): Bytes {
  const head = concatBytes(u16(kind === 'rsa' ? 0x0001 : 0x0023), u16(SHA256), u32(attributes), u16(0), u16(0x0010));
  if (kind === 'ecdsa') {
    const [x, y] = [spki.slice(-64, -32), spki.slice(-32)];
    return concatBytes(head, u16(0x0018), u16(SHA256), u16(0x0003), u16(0x0010), sized(x), sized(y));
  }
  return concatBytes(head, u16(0x0014), u16(SHA256), u16(2048), u32(0), sized(spki.slice(-261, -5)));
}

/** A buffer with its length in two bytes before it. */
export function sized(bytes: Uint8Array): Bytes {
  return concatBytes(u16(bytes.length), bytes);
}

export function u16(value: number): Bytes {
  return Uint8Array.of((value >> 8) & 0xff, value & 0xff);
}

function u32(value: number): Bytes {
  return concatBytes(u16(value >>> 16), u16(value & 0xffff));
}

function forgeAttest(changes: TpmChanges): Bytes {
  const selections = changes.selections ?? [[SHA256, [0xff, 0, 0]]];
  const digest = changes.pcrDigest ?? digestOf(selections);
  return concatBytes(
    u32(changes.magic ?? 0xff54_4347),
    u16(changes.type ?? 0x8018),
    sized(concatBytes(u16(SHA256), new Uint8Array(32).fill(9))),
    sized(changes.extraData ?? TPM_NONCE),
    new Uint8Array(8).fill(1),
    u32(3),
    u32(2),
    Uint8Array.of(changes.safe ?? 1),
    new Uint8Array(8).fill(4),
    u32(selections.length),
    ...selections.map(([bank, bitmap]) =>
      concatBytes(u16(bank), Uint8Array.of(bitmap.length), Uint8Array.from(bitmap)),
    ),
    sized(digest),
  );
}

function digestOf(selections: NonNullable<TpmChanges['selections']>): Bytes {
  const hash = createHash('sha256');
  for (const [, bitmap] of selections) {
    for (const [index, value] of PCR_VALUES.entries()) {
      if (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) hash.update(fromHex(value) ?? new Uint8Array());
    }
  }
  return Uint8Array.from(hash.digest());
}

function tpmtSignature({ kind }: Key, bare: Bytes): Bytes {
  if (kind === 'rsa') return concatBytes(u16(0x0014), u16(SHA256), sized(bare));
  return concatBytes(u16(0x0018), u16(SHA256), sized(bare.slice(0, 32)), sized(bare.slice(32)));
}

function asJson({ json }: TpmChanges, members: Record<string, unknown>): Bytes {
  return new TextEncoder().encode(JSON.stringify(json?.(members) ?? members));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function makeKey(kind: Key['kind']): Key {
  const { privateKey, publicKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
  return {
    kind,
    privateKey,
    pem,
    spki: Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' })),
    trusted: parseTpmAttestationKey(new TextEncoder().encode(pem)),
  };
}
