/**
 * The manifest: what runs inside. It is public to every verifier, is digested with SHA-384 so that
 * the digest fits a register, and is extended into one at launch.
 *
 * Only what exists is in it: an absent member is omitted, never empty or zero.
 *
 * @module
 */
import { anchorShape } from './anchor.ts';
import { documentDigest } from './canonical.ts';
import { handoverTermsShape } from './handover-terms.ts';
import { egressHostShape } from './host-name.ts';
import { keysShape, secretsShape } from './key-spec.ts';
import { rootTermsShape } from './root-terms.ts';
import { hex, type Infer, integer, list, mapOf, object, oneOf, optional, type Shape, tagged, text } from './shape.ts';
import { upgradeShape } from './upgrade.ts';

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

/** A container image, unpacked as the root of the server's file system. */
const ociSource = object({
  kind: oneOf('oci'),
  /** Digest of the image manifest for this platform. */
  image: text('an image digest', /^sha256:[0-9a-f]{64}$/),
  /** Tree digest of the unpacked root. */
  tree: hex(48),
  platform: text('a platform', /^[a-z0-9]+-[a-z0-9]+$/),
  /** What the image says is started: entry point and arguments. */
  command: list(text('a command')),
});

/** A module whose default export makes an MCP server, started by a harness of Vitrine's own. */
const moduleSource = object({
  kind: oneOf('module'),
  tree: hex(48),
  /** The module, relative to the tree. */
  entry: text('a relative path'),
});

/** A bare command line: what it runs is not measured. */
const commandSource = object({ kind: oneOf('command'), command: text('a command') });

const egressRule = object({ host: egressHostShape, port: integer(1) });

const auth = tagged('kind', {
  /** Anybody who reaches the server may call it. */
  none: object({ kind: oneOf('none') }),
  /** Static tokens, of which only the SHA-256 is known here. */
  bearer: object({ kind: oneOf('bearer'), tokens: mapOf(/^[A-Za-z0-9._-]{1,64}$/, hex(32), 1) }),
  /** Access tokens of an authorization server: JWTs with this issuer and audience. */
  oauth: object({
    kind: oneOf('oauth'),
    issuer: text('an https URL', /^https:\/\/[^?#]+$/),
    audience: text('what tokens must be made for'),
    jwks: text('an https URL', /^https:\/\/[^#]+$/),
    algorithms: list(oneOf('ES256', 'EdDSA', 'RS256')),
    /** Scopes that any call needs. */
    scopes: optional(list(text('a scope'))),
    /** Scopes that calls of a tool need in addition. */
    toolScopes: optional(mapOf(/^.{1,128}$/, list(text('a scope')), 1)),
  }),
});

const catalogue = tagged('kind', {
  dynamic: object({ kind: oneOf('dynamic') }),
  /** SHA-256 over the tools as they are on the wire. Other tools are neither listed nor callable. */
  pinned: object({ kind: oneOf('pinned'), digest: hex(32) }),
});

const limits = object({
  /** Of one server with everything that it starts, in MiB. */
  memory: optional(integer(16)),
  /** Processor time, in hundredths of a processor. */
  cpu: optional(integer(1)),
  processes: optional(integer(1)),
  /** Of one principal, and of one address, in the long run: as many again may come at once. */
  requestsPerMinute: optional(integer(1)),
  /** Of the same. An open event stream is a request that runs. */
  concurrentRequests: optional(integer(1)),
});

const shape = object({
  type: oneOf('vitrine/manifest/v1'),
  /** Rises with every change that the operator makes; verifiers remember the highest that they saw. */
  number: integer(1),
  name: text('a name of letters, digits, "." "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  server: object({
    source: tagged('kind', {
      npm: npmSource,
      path: pathSource,
      oci: ociSource,
      module: moduleSource,
      command: commandSource,
    }),
    args: list(text(), 0),
    environment: mapOf(/^[A-Za-z_][A-Za-z0-9_]*$/, text()),
    transport: oneOf('stdio', 'http'),
    /** Where the server listens on its own loopback interface; there exactly for transport `http`. */
    port: optional(integer(1)),
  }),
  /** The least sandbox that the operator demands; what was obtained is in the boot binding. */
  sandbox: oneOf('none', 'bwrap'),
  /** Where the server may connect to; demands a sandbox. Absent: nowhere, as far as the sandbox obtained enforces it. */
  egress: optional(list(egressRule)),
  /** Absent: a server of its own for each session, or each principal and set of client capabilities. */
  isolation: optional(oneOf('shared')),
  /** What happens to the server's files. Absent: as the sandbox obtained says. */
  data: optional(oneOf('ephemeral', 'encrypted')),
  /** Who may call. */
  auth: optional(auth),
  /** Whether the tools are fixed. Absent: they are not. */
  catalogue: optional(catalogue),
  limits: optional(limits),
  /** Who is served. Absent: clients without evidence of their own too. */
  clients: optional(oneOf('attested')),
  logs: optional(object({ child: oneOf('drop', 'operator') })),
  /** Keys that the server may have used, by name, each under its policy. */
  keys: optional(keysShape),
  /** Values that are added to requests on their way out, and that the server never sees. */
  credentials: optional(secretsShape),
  /** `sealed`: the server may keep documents in the sealed store, for each principal its own. */
  store: optional(oneOf('sealed')),
  /** A JSON-RPC signer for programs that know nothing of Vitrine, on this port of the server's own loopback interface. */
  signer: optional(object({ port: integer(1), key: text('the name of a key') })),
  /** Which other manifest may have what lasts of this one. Absent: `pinned`, none. */
  upgrade: optional(upgradeShape),
  /**
   * What has to wrap the application root, all of it together. Absent: the platform's own choice, which only a
   * simulated one has: else whoever starts the enclave could wrap the root with a secret that they know.
   */
  roots: optional(rootTermsShape),
  /** Who remembers how far the state has got. Absent: nobody, so an older copy of it goes unnoticed. */
  anchor: optional(anchorShape),
  /** To which enclaves the application root may be handed. Absent: to none. */
  handover: optional(handoverTermsShape),
  runtime: object({ vitrine: text('a version'), node: text('a version') }),
});

/** Parts that configurations are written with, too. */
export const authShape: Shape<Infer<typeof auth>> = auth;
export const limitsShape: Shape<Infer<typeof limits>> = limits;

export type Manifest = Infer<typeof shape>;
export type ServerSource = Manifest['server']['source'];
export const manifestShape: Shape<Manifest> = shape;

/** Whether something of it has to be the same after a restart, and so needs an application root. */
export function needsAppRoot(manifest: Pick<Manifest, 'store' | 'credentials' | 'data' | 'keys'>): boolean {
  return (
    manifest.store !== undefined ||
    manifest.credentials !== undefined ||
    manifest.data === 'encrypted' ||
    Object.values(manifest.keys ?? {}).some(({ origin }) => origin !== 'generated')
  );
}

/** SHA-384 of the manifest's canonical bytes, lower-case hexadecimal. */
export function manifestDigest(manifest: Manifest): Promise<string> {
  return documentDigest(manifest);
}
