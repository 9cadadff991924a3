/**
 * What a person writes in `vitrine.yaml`, and what the flags of `vitrine run` say in its place.
 *
 * The shape is the parser, the source of its errors and the JSON Schema for editors. It is small on
 * purpose: a field exists when something reads it.
 *
 * @module
 */
import {
  type Infer,
  integer,
  type JsonValue,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  type ParseResult,
  type Shape,
  text,
} from '@vitrine/documents';

const sourceText = text('npm:<package>@<version, range or tag>, or path:<directory>');
const environment = mapOf(/^[A-Za-z_][A-Za-z0-9_]*$/, text('text (put numbers, yes and no in quotes)'));
const argument = text('text (put numbers in quotes)');

const fromSource = object({
  source: sourceText,
  /** Which binary of an npm package to start, where it has several. */
  bin: optional(text('the name of a binary')),
  /** Which file of a directory to start, relative to it. */
  entry: optional(text('a path relative to the directory')),
  args: optional(list(argument)),
  environment: optional(environment),
});

const fromCommand = object({
  /** Command and arguments. What it runs is not measured. */
  command: list(argument),
  environment: optional(environment),
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
      port: optional(port()),
      /** Further names by which clients may address the server: `host` or `host:port`. */
      publicHosts: optional(
        list(text('host or host:port', /^[a-z0-9.-]+(?::[0-9]{1,5})?$|^\[[0-9a-f:]+\](?::[0-9]{1,5})?$/)),
      ),
    }),
  ),
  sandbox: optional(oneOf('none')),
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
}

export function serverChoice(configured: ServerConfiguration): ServerChoice {
  return typeof configured === 'string' ? { source: configured } : configured;
}

function port(): Shape<number> {
  const whole = integer(0);
  return {
    schema: { type: 'integer', minimum: 0, maximum: 65535, description: '0 takes any free port' },
    parse: (value, path = []) => {
      const parsed = whole.parse(value, path);
      return parsed.ok && parsed.value <= 65535
        ? parsed
        : {
            ok: false,
            issues: [
              { path, message: `expected a port from 0 (any free one) to 65535, found ${JSON.stringify(value)}` },
            ],
          };
    },
  };
}
