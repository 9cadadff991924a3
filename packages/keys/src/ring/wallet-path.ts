/**
 * Wallet paths below a seed: BIP-32 for secp256k1, SLIP-10 with hardened steps only for Ed25519. The seed
 * is a key's own, so two keys with one path have nothing in common.
 *
 * Specifications: BIP-32, SLIP-0010.
 *
 * @module
 */
import { createHmac } from 'node:crypto';
import { HDKey } from '@scure/bip32';
import { concatBytes, UsageError } from '@vitrine/documents';
import { uint32 } from '../app-root/length-prefixed.ts';

const HARDENED = 0x8000_0000;
const MAX_STEPS = 255;

/** The private key at `path`, 32 bytes. The caller overwrites it and the seed. */
export function walletKey(algorithm: 'secp256k1' | 'ed25519', seed: Uint8Array, path: string): Uint8Array<ArrayBuffer> {
  const steps = walletPath(path);
  return algorithm === 'secp256k1' ? bip32(seed, steps) : slip10(seed, steps, path);
}

/**
 * The indexes of a path such as `m/44'/60'/0'/0/0`, hardened ones from 2^31.
 *
 * @throws UsageError `keys.path` for anything that is no path or not its only spelling.
 */
export function walletPath(path: string): readonly number[] {
  const [root, ...steps] = path.split('/');
  if (root !== 'm' || steps.length === 0 || steps.length > MAX_STEPS) throw badPath(path, 'it must be m/ and indexes');
  return steps.map((step) => {
    const digits = /^(0|[1-9][0-9]{0,9})('?)$/.exec(step);
    const index = Number(digits?.[1]);
    if (digits === null || index >= HARDENED) throw badPath(path, `${JSON.stringify(step)} is no index below 2^31`);
    return digits[2] === '' ? index : index + HARDENED;
  });
}

function bip32(seed: Uint8Array, steps: readonly number[]): Uint8Array<ArrayBuffer> {
  let node = HDKey.fromMasterSeed(seed);
  for (const step of steps) {
    const child = node.deriveChild(step);
    node.wipePrivateData();
    node = child;
  }
  if (node.privateKey === null) throw new TypeError('a derived node without a private key');
  const key = Uint8Array.from(node.privateKey);
  node.wipePrivateData();
  return key;
}

function slip10(seed: Uint8Array, steps: readonly number[], path: string): Uint8Array<ArrayBuffer> {
  const soft = steps.find((step) => step < HARDENED);
  if (soft !== undefined) throw badPath(path, `Ed25519 has hardened steps only, so ${soft} must be ${soft}'`);
  let node = hmac(new TextEncoder().encode('ed25519 seed'), seed);
  for (const step of steps) {
    const data = concatBytes(Uint8Array.of(0), node.subarray(0, 32), uint32(step));
    const child = hmac(node.subarray(32), data);
    data.fill(0);
    node.fill(0);
    node = child;
  }
  const key = Uint8Array.from(node.subarray(0, 32));
  node.fill(0);
  return key;
}

function hmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return createHmac('sha512', key).update(data).digest();
}

function badPath(path: string, why: string): UsageError {
  return new UsageError('keys.path', `the derivation path ${JSON.stringify(path)} cannot be used: ${why}`);
}
