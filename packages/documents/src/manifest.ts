/**
 * The manifest: what runs inside. It is public to every verifier, is digested with SHA-384 so that
 * the digest fits a register, and is extended into one at launch.
 *
 * Only what exists is in it: an absent member is omitted, never empty or zero.
 *
 * @module
 */
import { documentDigest } from './canonical.ts';
import { hex, type Infer, integer, list, mapOf, object, oneOf, type Shape, tagged, text } from './shape.ts';

const npmSource = object({
  kind: oneOf('npm'),
  package: text('an npm package name', /^(?:@[a-z0-9._~-]+\/)?[a-z0-9._~-]+$/),
  version: text('an exact version', /^[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$/),
  integrity: text('a subresource integrity value', /^sha512-[A-Za-z0-9+/]+={0,2}$/),
  /** SHA-384 of the lock file that the tree was installed from. */
  lockfile: hex(48),
  /** Tree digest of everything that was installed, see `tree-digest.ts` in the enclave. */
  tree: hex(48),
  /** Optional packages differ by platform, so the tree digest holds for this one only, such as `linux-x64`. */
  platform: text('a platform', /^[a-z0-9]+-[a-z0-9]+$/),
  /** The executable that starts the server, relative to the tree. */
  entry: text('a relative path'),
});

const pathSource = object({
  kind: oneOf('path'),
  tree: hex(48),
  /** The executable that starts the server, relative to the tree. */
  entry: text('a relative path'),
});

/** A bare command line: what it runs is not measured. */
const commandSource = object({ kind: oneOf('command'), command: text('a command') });

const shape = object({
  type: oneOf('vitrine/manifest/v1'),
  /** Rises with every change that the operator makes; verifiers remember the highest that they saw. */
  number: integer(1),
  name: text('a name of letters, digits, "." "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  server: object({
    source: tagged('kind', { npm: npmSource, path: pathSource, command: commandSource }),
    args: list(text(), 0),
    environment: mapOf(/^[A-Za-z_][A-Za-z0-9_]*$/, text()),
    transport: oneOf('stdio'),
  }),
  /** The least sandbox that the operator demands; what was obtained is in the boot binding. */
  sandbox: oneOf('none'),
  runtime: object({ vitrine: text('a version'), node: text('a version') }),
});

export type Manifest = Infer<typeof shape>;
export type ServerSource = Manifest['server']['source'];
export const manifestShape: Shape<Manifest> = shape;

/** SHA-384 of the manifest's canonical bytes, lower-case hexadecimal. */
export function manifestDigest(manifest: Manifest): Promise<string> {
  return documentDigest(manifest);
}
