/**
 * A signer of JWTs whose key is in the key service.
 *
 * @module
 */
import type { KeyClient } from './key-client.ts';

/** Signs claims, which need `exp` and `aud`; gives a compact JWS. */
export type JwsSigner = (claims: Readonly<Record<string, unknown>>) => Promise<string>;

/**
 * @param name - An Ed25519 or P-256 key of the manifest.
 * @param type - The `typ` of the header.
 */
export function jwsSigner(keys: KeyClient, name: string, type: string): JwsSigner {
  return async (claims) => (await keys.call('jws.sign', { key: name, type, claims })).jws;
}
