/**
 * What an enclave says of each of its keys, and the one digest over all of it that the boot binding names.
 *
 * The digest is a Merkle tree as in RFC 6962, section 2.1, with SHA-256 over the canonical bytes of the
 * statements, which are in the order of name and version. So one statement can be shown without the others.
 * Test vector: `vectors/key-statements.json`.
 *
 * @module
 */
import { digest } from '#digest';
import { canonicalBytes } from './canonical.ts';
import { concatBytes, toHex } from './encoding.ts';
import { hex, type Infer, integer, list, object, oneOf, optional, type Shape, text } from './shape.ts';

const statement = object({
  type: oneOf('vitrine/key-statement/v1'),
  name: text('a key name', /^[a-z][a-z0-9-]{0,31}$/),
  algorithm: oneOf('ed25519', 'secp256k1', 'p256', 'x25519', 'aes256'),
  version: integer(1),
  /** A retired version may decrypt what it encrypted, and nothing else. */
  state: oneOf('active', 'retired'),
  /** Raw: 32 bytes, or x ‖ y. Symmetric keys have none. */
  publicKey: optional(text('a raw public key in lower-case hexadecimal', /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/)),
  /** What the chain of the key's policy calls it: an EIP-55 or base58 address. */
  address: optional(text('an address')),
  origin: oneOf('derived', 'generated', 'imported'),
  /** Whether a copy can exist outside of attested code. An imported key always can. */
  exportable: oneOf(true, false),
  /** `service`: the same after a restart; says nothing of the code that used it. `instance`: of this boot. */
  scope: oneOf('service', 'instance'),
  /** Below the key's own seed. */
  path: optional(text('a derivation path')),
  /** SHA-384 of the policy's canonical bytes. */
  policy: hex(48),
  /** SHA-256 of the public key of the version before, where there was one and it is known. */
  previous: optional(hex(32)),
});

const statements = object({ type: oneOf('vitrine/key-statements/v1'), statements: list(statement) });

export type KeyStatement = Infer<typeof statement>;
export type KeyStatements = Infer<typeof statements>;
export const keyStatementsShape: Shape<KeyStatements> = statements;

/** Root of the Merkle tree over the statements as they are ordered, 64 lower-case hexadecimal digits. */
export async function keyStatementRoot(all: readonly KeyStatement[]): Promise<string> {
  const leaves = await Promise.all(
    all.map((one) => digest('SHA-256', concatBytes(Uint8Array.of(0), canonicalBytes(one)))),
  );
  return toHex(await treeHead(leaves));
}

async function treeHead(leaves: readonly Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  const [only] = leaves;
  if (only === undefined) return digest('SHA-256', new Uint8Array(0));
  if (leaves.length === 1) return only;
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  const [left, right] = await Promise.all([treeHead(leaves.slice(0, split)), treeHead(leaves.slice(split))]);
  return digest('SHA-256', concatBytes(Uint8Array.of(1), left, right));
}
