/**
 * What a person writes in `vitrine.yaml`, and what the flags of `vitrine run` say in its place.
 *
 * The shape is the parser, the source of its errors and the JSON Schema for editors. It is small on
 * purpose: a field exists when something reads it.
 *
 * @module
 */
import {
  anchorShape,
  authShape,
  handoverTermsShape,
  hex,
  type Infer,
  integer,
  type JsonValue,
  keysShape,
  limitsShape,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  type ParseResult,
  rootTermsShape,
  type Shape,
  secretsShape,
  text,
  upgradeShape,
} from '@vitrine/documents';

const sourceText = text(
  'npm:<package>@<version, range or tag>, path:<directory>, module:<file or directory>, or oci:<image layout>',
);
const environment = mapOf(/^[A-Za-z_][A-Za-z0-9_]*$/, text('text (put numbers, yes and no in quotes)'));
const argument = text('text (put numbers in quotes)');

const transport = {
  /** `http`: the server listens with Streamable HTTP on 127.0.0.1, path /mcp, instead of speaking over stdio. */
  transport: optional(oneOf('stdio', 'http')),
  /** Where it listens then. */
  port: optional(port(1, 'a port of the server’s own loopback interface')),
} as const;

const fromSource = object({
  source: sourceText,
  /** Which binary of an npm package to start, where it has several. */
  bin: optional(text('the name of a binary')),
  /** Which file of a directory to start, relative to it. */
  entry: optional(text('a path relative to the directory')),
  args: optional(list(argument)),
  environment: optional(environment),
  ...transport,
});

const fromCommand = object({
  /** Command and arguments. What it runs is not measured. */
  command: list(argument),
  environment: optional(environment),
  ...transport,
});

type ServerFromSource = Infer<typeof fromSource>;
type ServerFromCommand = Infer<typeof fromCommand>;
type ServerConfiguration = string | ServerFromSource | ServerFromCommand;

/** Tells the three forms apart first, so that an error speaks of the form that was meant. */
const server: Shape<ServerConfiguration> = {
  schema: { anyOf: [sourceText.schema, fromSource.schema, fromCommand.schema] as readonly JsonValue[] },
  parse: (value, path = []): ParseResult<ServerConfiguration> => {
    if (typeof value !== 'object' || value === null) return sourceText.parse(value, path);
    return 'command' in value && !('source' in value) ? fromCommand.parse(value, path) : fromSource.parse(value, path);
  },
};

const egressText = text('<host>:<port>, with an exact host name or *. before one', /^[a-z0-9.*-]+:[0-9]{1,5}$/);
const catalogueText = text('"dynamic", or "pinned <SHA-256 of the tools>"', /^(?:dynamic|pinned [0-9a-f]{64})$/);

const bearer = object({
  kind: oneOf('bearer'),
  /** SHA-256 of each token, by the name of who has it. */
  tokens: optional(mapOf(/^[A-Za-z0-9._-]{1,64}$/, hex(32), 1)),
  /** In its place a file of tokens, which are digested at every start: on each line a name, a blank, and the token. */
  tokenFile: optional(text('a path relative to this file')),
});

type Bearer = Infer<typeof bearer>;
type ManifestAuth = Infer<typeof authShape>;
/** Who may call, as people write it. */
export type ConfiguredAuth = Exclude<ManifestAuth, { readonly kind: 'bearer' }> | Bearer;

/** `none` as a word, or one of the manifest's forms, of which `bearer` has one more. */
const auth: Shape<'none' | ConfiguredAuth> = {
  schema: { anyOf: [{ const: 'none' }, bearer.schema, authShape.schema] as readonly JsonValue[] },
  parse: (value, path = []): ParseResult<'none' | ConfiguredAuth> => {
    if (typeof value !== 'object' || value === null) return oneOf('none').parse(value, path);
    return 'kind' in value && value.kind === 'bearer' ? bearer.parse(value, path) : authShape.parse(value, path);
  },
};

const shape = object({
  /** Shown to users; by default made from the server's own name. */
  name: optional(text('a name of letters, digits, "." "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)),
  /** Raise it with every change: verifiers remember the highest that they saw. */
  number: optional(integer(1)),
  server,
  /** Where to listen. Not part of the manifest: it says nothing about what runs. */
  listen: optional(
    object({
      host: optional(text('a host name or address', /^[A-Za-z0-9.:_-]{1,253}$/)),
      port: optional(port(0, '0 takes any free port')),
      /** Further names by which clients may address the server: `host` or `host:port`. */
      publicHosts: optional(
        list(text('host or host:port', /^[a-z0-9.-]+(?::[0-9]{1,5})?$|^\[[0-9a-f:]+\](?::[0-9]{1,5})?$/)),
      ),
    }),
  ),
  /** The least sandbox that must be obtained. The best that this machine gives is used either way. */
  sandbox: optional(oneOf('none', 'bwrap')),
  /** Where the server may connect to; nothing else is reached from the sandbox. */
  egress: optional(list(egressText)),
  /** `shared`: one server for all callers. */
  isolation: optional(oneOf('shared')),
  /** The server's files: in memory and gone with it, or encrypted on the disk. */
  data: optional(oneOf('ephemeral', 'encrypted')),
  auth: optional(auth),
  /** Whether the tools are fixed. Others are then neither listed nor callable. */
  catalogue: optional(catalogueText),
  limits: optional(limitsShape),
  /** `attested`: only clients with evidence of their own are served. */
  clients: optional(oneOf('attested')),
  logs: optional(object({ child: oneOf('drop', 'operator') })),
  /** Keys that the server may have used and never sees, each under its policy. */
  keys: optional(keysShape),
  /** Values that are added to requests on their way out. */
  credentials: optional(secretsShape),
  /** `sealed`: the server may keep documents in the sealed store. */
  store: optional(oneOf('sealed')),
  /** A JSON-RPC signer on a port of the server's own loopback interface. */
  signer: optional(
    object({ port: port(1, 'a port of the server’s own loopback interface'), key: text('the name of a key') }),
  ),
  /** Who can let another configuration have what lasts of this one. Absent: `pinned`, nobody. */
  upgrade: optional(upgradeShape),
  /** What has to wrap the root of keys. Absent: only the simulator chooses by itself. */
  roots: optional(rootTermsShape),
  /** Who remembers how far keys and data have got. Absent: nobody. */
  anchor: optional(anchorShape),
  /** To which enclaves keys and data may be handed while both run. Absent: to none. */
  handover: optional(handoverTermsShape),
});

export type Configuration = Infer<typeof shape>;
export const configurationShape: Shape<Configuration> = shape;

/** A configuration with the server's three forms brought into one, and no default filled in. */
export interface ServerChoice {
  readonly source?: string;
  readonly bin?: string;
  readonly entry?: string;
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly transport?: 'stdio' | 'http';
  /** Where a server with transport `http` listens. */
  readonly httpPort?: number;
}

export function serverChoice(configured: ServerConfiguration): ServerChoice {
  if (typeof configured === 'string') return { source: configured };
  const { port: httpPort, ...rest } = configured;
  return { ...rest, ...(httpPort === undefined ? {} : { httpPort }) };
}

function port(minimum: 0 | 1, description: string): Shape<number> {
  const whole = integer(minimum);
  return {
    schema: { type: 'integer', minimum, maximum: 65535, description },
    parse: (value, path = []) => {
      const parsed = whole.parse(value, path);
      return parsed.ok && parsed.value <= 65535
        ? parsed
        : {
            ok: false,
            issues: [
              {
                path,
                message: `expected a port from ${minimum === 0 ? '0 (any free one)' : '1'} to 65535, found ${JSON.stringify(value)}`,
              },
            ],
          };
    },
  };
}
