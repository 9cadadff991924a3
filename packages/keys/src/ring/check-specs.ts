/**
 * What the shape of a manifest cannot say about its keys: versions, sizes and origins that fit together.
 *
 * @module
 */
import { type KeySpec, UsageError } from '@vitrine/documents';
import { PUBLIC_KEY_BYTES } from './key-material.ts';

/** @throws UsageError `keys.spec`, naming the key. */
export function checkKeySpecs(keys: Readonly<Record<string, KeySpec>>): void {
  for (const [name, spec] of Object.entries(keys)) {
    const wrong = problem(spec);
    if (wrong !== undefined) throw new UsageError('keys.spec', `the key ${name} cannot exist: ${wrong}`);
  }
}

function problem(spec: KeySpec): string | undefined {
  const { algorithm, origin, version, retired = [] } = spec;
  if (version > 0xffff_ffff) return `its version ${version} is not below 2^32`;
  const odd = retired.find((one, index) => one >= version || retired.indexOf(one) !== index);
  if (odd !== undefined) return `the retired version ${odd} is named twice or is not older than version ${version}`;
  if (retired.length > 0 && origin !== 'derived') {
    return `only derived keys have retired versions, since those of an ${origin} key are not kept`;
  }
  if (origin !== 'imported') return undefined;
  if (algorithm === 'aes256') return 'an imported aes256 key has no public key by which it could be recognised';
  const digits = PUBLIC_KEY_BYTES[algorithm] * 2;
  return spec.publicKey.length === digits
    ? undefined
    : `a public key of ${algorithm} has ${digits} hexadecimal digits, found ${spec.publicKey.length}`;
}
