/**
 * Whether the keys of a manifest could be used, told without a service: for whoever has the file that they
 * are written in.
 *
 * @module
 */
import { type KeySpec, UsageError } from '@vitrine/documents';
import { loadPolicy, type Surroundings } from './policy/load.ts';
import { type Path, placeOf } from './policy/policy-error.ts';
import { checkKeySpecs } from './ring/check-specs.ts';
import { walletKey } from './ring/wallet-path.ts';

export interface KeyProblem {
  /** In the manifest, such as `['keys', 'hot', 'policy', 'rules', 2, 'id']`. */
  readonly path: Path;
  /** As the service would refuse to start. */
  readonly error: UsageError;
}

const ANY_SEED: Uint8Array = new Uint8Array(64);

/** The first thing wrong with each key, in the order of the keys. */
export function keyProblems(keys: Readonly<Record<string, KeySpec>>, surroundings: Surroundings): KeyProblem[] {
  return Object.entries(keys).flatMap(([name, spec]) => {
    try {
      loadPolicy(name, spec, surroundings);
      checkKeySpecs({ [name]: spec });
      checkPath(name, spec);
      return [];
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return [
        { error, path: placeOf(error) ?? (error.code === 'keys.path' ? ['keys', name, 'path'] : ['keys', name]) },
      ];
    }
  });
}

/** Nobody has a key of this seed. */
function checkPath(name: string, spec: KeySpec): void {
  const { algorithm } = spec;
  if (spec.origin !== 'derived' || spec.path === undefined) return;
  if (algorithm === 'secp256k1' || algorithm === 'ed25519') {
    walletKey(algorithm, Uint8Array.from(ANY_SEED), spec.path).fill(0);
    return;
  }
  throw new UsageError(
    'keys.path',
    `the key ${name} has a derivation path, which exists for secp256k1 and ed25519 and not for ${algorithm}; remove it`,
  );
}
