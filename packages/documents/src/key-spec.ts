/**
 * Keys and credentials as the manifest names them: which exist, what they are for, and who may use them.
 *
 * @module
 */

import { egressHostShape } from './host-name.ts';
import { keyPolicyShape } from './key-policy.ts';
import { hex, type Infer, integer, list, mapOf, object, oneOf, optional, type Shape, tagged, text } from './shape.ts';

const algorithm = oneOf('ed25519', 'secp256k1', 'p256', 'x25519', 'aes256');

const common = {
  algorithm,
  /** Rises at each rotation. */
  version: integer(1),
  /** Earlier versions that may still decrypt; others are gone. */
  retired: optional(list(integer(1))),
  policy: keyPolicyShape,
} as const;

const key = tagged('origin', {
  /** From the AppRoot: the same after a restart, and for everybody who has that root. */
  derived: object({
    origin: oneOf('derived'),
    ...common,
    /** BIP-32 (secp256k1) or SLIP-10 (Ed25519, hardened only) below a seed of this key's own. */
    path: optional(text("a derivation path such as m/44'/60'/0'/0/0", /^m(?:\/[0-9]{1,10}'?)+$/)),
  }),
  /** Made at every boot, never stored. */
  generated: object({ origin: oneOf('generated'), ...common }),
  /** Handed in by its owner, so it exists elsewhere too. */
  imported: object({
    origin: oneOf('imported'),
    ...common,
    /** What the key must have as its public key, raw: 32 bytes, or x ‖ y. */
    publicKey: text('a raw public key in lower-case hexadecimal', /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/),
    /** Ed25519 public key of who hands it in. */
    owner: hex(32),
  }),
});

const credential = object({
  /** Ed25519 public key of who hands in the value. */
  owner: hex(32),
  /** Request header that carries it, in lower case. */
  header: text('the name of a header in lower case', /^[a-z][a-z0-9-]{0,63}$/),
  /** Stands before the value, such as `Bearer ` with its blank. */
  prefix: optional(text('visible characters and blanks', /^[\x20-\x7e]{1,64}$/)),
  /** Where it is added; every host is reached over TLS at this port only. */
  allow: list(
    object({
      host: egressHostShape,
      port: integer(1),
      methods: list(oneOf('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')),
      /** Each a path, or the beginning of paths where it ends in `/`. */
      paths: list(text('an absolute path', /^\/[\x21-\x7e]*$/)),
    }),
  ),
});

export const keysShape: Shape<Readonly<Record<string, KeySpec>>> = mapOf(/^[a-z][a-z0-9-]{0,31}$/, key, 1);
export const secretsShape: Shape<Readonly<Record<string, CredentialSpec>>> = mapOf(
  /^[a-z][a-z0-9-]{0,31}$/,
  credential,
  1,
);

export type KeySpec = Infer<typeof key>;
export type KeyAlgorithm = KeySpec['algorithm'];
export type CredentialSpec = Infer<typeof credential>;
