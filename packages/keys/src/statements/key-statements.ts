/**
 * What the enclave says of each key, made from the manifest and the keys that are really there.
 *
 * Whether a key can exist elsewhere follows from its origin alone, and no setting changes it: an imported key
 * is exportable for ever. A statement about a service key says nothing of the code that used it.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { documentDigest, type KeySpec, type KeyStatement, type Manifest, toHex, UsageError } from '@vitrine/documents';
import type { AppRoot } from '../app-root/app-root.ts';
import { keyAddress } from '../ring/addresses.ts';
import { derivedKey, publicKeyOf } from '../ring/key-material.ts';
import type { KeyRing } from '../ring/key-ring.ts';

/** Where copies of a key can be, by origin. */
const FACTS: Readonly<Record<KeySpec['origin'], Pick<KeyStatement, 'exportable' | 'scope'>>> = {
  derived: { exportable: false, scope: 'service' },
  generated: { exportable: false, scope: 'instance' },
  imported: { exportable: true, scope: 'service' },
};

/**
 * Statements about all versions of all keys, in the order of name and version.
 *
 * @param root - Needed where keys are derived: the public key of the version before is derived for its digest.
 */
export async function keyStatements(
  keys: Manifest['keys'] | undefined,
  ring: KeyRing,
  root?: AppRoot,
): Promise<readonly KeyStatement[]> {
  const statements: KeyStatement[] = [];
  for (const name of Object.keys(keys ?? {}).toSorted()) {
    const spec = keys?.[name];
    if (spec === undefined) continue;
    const policy = await documentDigest(spec.policy);
    for (const version of [...(spec.retired ?? []), spec.version].toSorted((left, right) => left - right)) {
      const publicKey = ring.publicKey(name, version);
      const address = publicKey === undefined ? undefined : keyAddress(spec, publicKey);
      const previous = await previousKey(name, spec, version, root);
      statements.push({
        type: 'vitrine/key-statement/v1',
        name,
        algorithm: spec.algorithm,
        version,
        state: version === spec.version ? 'active' : 'retired',
        ...(publicKey === undefined ? {} : { publicKey: toHex(publicKey) }),
        ...(address === undefined ? {} : { address }),
        origin: spec.origin,
        ...FACTS[spec.origin],
        ...(spec.origin === 'derived' && spec.path !== undefined ? { path: spec.path } : {}),
        policy,
        ...(previous === undefined ? {} : { previous: toHex(hash('sha256', previous, 'buffer')) }),
      });
    }
  }
  return statements;
}

/** Public key of the version before, which can be derived even where that version is gone. It had this algorithm and path. */
async function previousKey(
  name: string,
  spec: KeySpec,
  version: number,
  root: AppRoot | undefined,
): Promise<Uint8Array | undefined> {
  if (spec.origin !== 'derived' || version === 1) return undefined;
  if (root === undefined)
    throw new UsageError('keys.root-needed', `the key ${name} is derived, so there must be a root`);
  const material = await derivedKey(spec, { name, version: version - 1 }, root, unused);
  const publicKey = publicKeyOf(material);
  material.close();
  return publicKey;
}

function unused(): never {
  throw new TypeError('a key that only shows its public half needs no randomness');
}
