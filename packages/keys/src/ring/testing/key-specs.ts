/**
 * Keys as manifests name them, and a root whose bytes a test chooses.
 *
 * @module
 */
import type { KeyAlgorithm, KeyPolicy, KeySpec } from '@vitrine/documents';
import type { AppRoot } from '../../app-root/app-root.ts';
import { derive } from '../../app-root/derive.ts';

const FAMILY: Readonly<Record<KeyAlgorithm, KeyPolicy['rules'][number]>> = {
  secp256k1: { id: 'all', effect: 'allow', action: 'evm.message', startsWith: 'any' },
  p256: { id: 'all', effect: 'allow', action: 'sign', contexts: ['a'] },
  ed25519: { id: 'all', effect: 'allow', action: 'sign', contexts: ['a'] },
  x25519: { id: 'all', effect: 'allow', action: 'decrypt', contexts: ['a'] },
  aes256: { id: 'all', effect: 'allow', action: 'encrypt', contexts: ['a'] },
};

function policyFor(algorithm: KeyAlgorithm): KeyPolicy {
  return { rules: [FAMILY[algorithm]] };
}

type Derived = Extract<KeySpec, { origin: 'derived' }>;
type Imported = Extract<KeySpec, { origin: 'imported' }>;

export function derivedSpec(algorithm: KeyAlgorithm, given: Partial<Derived> = {}): Derived {
  return { origin: 'derived', algorithm, version: 1, policy: policyFor(algorithm), ...given };
}

export function generatedSpec(algorithm: KeyAlgorithm): KeySpec {
  return { origin: 'generated', algorithm, version: 1, policy: policyFor(algorithm) };
}

export function importedSpec(algorithm: KeyAlgorithm, publicKey: string, given: Partial<Imported> = {}): Imported {
  return {
    origin: 'imported',
    algorithm,
    version: 1,
    policy: policyFor(algorithm),
    publicKey,
    owner: 'ab'.repeat(32),
    ...given,
  };
}

/** A root of 32 times `fill`. */
export function fixedRoot(fill: number): AppRoot {
  const root = new Uint8Array(32).fill(fill);
  return {
    id: '00'.repeat(32),
    isNew: false,
    sources: [],
    derive: (path, length) => derive(root, path, length),
    rewrap: async () => undefined,
    lend: () => Promise.reject(new Error('nothing is handed over here')),
    close: () => undefined,
  };
}
