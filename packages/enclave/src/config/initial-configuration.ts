/**
 * The text of a first `vitrine.yaml`: what was chosen, and as comments what else there is.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import type { ServerChoice } from './configuration.ts';
import { parseConfiguration } from './configuration-file.ts';

export interface InitialConfiguration {
  readonly name: string;
  /** Exactly one of `source` and `command`; a source of npm with its exact version. */
  readonly server: ServerChoice;
  /** Path or address of the JSON Schema, as seen from the file. */
  readonly schema: string;
}

/**
 * The text. It is read again before it is returned, so that what is written can be run.
 *
 * @throws UsageError as {@link parseConfiguration} does, for values that a configuration may not hold.
 */
export function initialConfiguration({ name, server, schema }: InitialConfiguration): string {
  const written = `# yaml-language-server: $schema=${schema}
#
# What Vitrine runs. All of it but "listen" becomes the manifest: evidence commits to it, and
# everyone who verifies can read it. Put no secrets here.

# What users see: letters, digits, ".", "_" and "-".
name: ${scalar(name)}

# Raise it with every change: users' pins remember the highest that they saw.
number: 1

server:
${serverLines(server)}

# Where it listens. This says nothing about what runs, and is not in the manifest.
# listen:
#   host: 127.0.0.1
#   port: 8443
#   publicHosts: [bank.example]      # further names by which clients may address it

# The best sandbox that can be had is used. This line refuses to start without one:
# sandbox: bwrap

# Where the server may connect to; from the sandbox nothing else is reached.
# egress: [api.example.com:443]

# Who may call: none (anybody who reaches it), bearer, or oauth. Tokens of a file are digested at
# every start.
# auth:
#   kind: bearer
#   tokenFile: tokens.txt            # lines of a name, a blank, and a token; keep it private

# The server's files: ephemeral (in memory) or encrypted (on the disk).
# data: ephemeral

# limits:
#   memory: 512                      # MiB, with everything that it starts
#   processes: 64
`;
  const read = parseConfiguration(written, 'vitrine.yaml');
  if (read.name !== name) throw new UsageError('config.name', `${JSON.stringify(name)} cannot be the name of a server`);
  return written;
}

function serverLines(server: ServerChoice): string {
  const environment = environmentLines(server.environment);
  if (server.command !== undefined) {
    return [
      '  # Any command. What it runs is not measured, and every verdict says so.',
      `  command: ${flow(server.command)}`,
      environment,
    ].join('\n');
  }
  const source = server.source ?? '';
  const npm = source.startsWith('npm:');
  return [
    npm
      ? '  # The exact version; vitrine.lock beside this file holds its integrity, its tree digest\n  # and all that it depends on. Keep both in version control.'
      : '  # A folder, relative to this file. All of it but .git is copied, measured and run from the copy.',
    `  source: ${scalar(source)}`,
    npm ? choice('bin', server.bin, 'which program of a package with several') : '',
    npm ? '' : choice('entry', server.entry, 'which file of the folder starts the server'),
    server.args === undefined
      ? '  # args: ["--verbose"]              # each one text, so numbers in quotes'
      : `  args: ${flow(server.args)}`,
    environment,
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function choice(field: string, value: string | undefined, meaning: string): string {
  if (value !== undefined) return `  ${field}: ${scalar(value)}`;
  return `${`  # ${field}: …`.padEnd(36)} # ${meaning}`;
}

function environmentLines(environment: ServerChoice['environment']): string {
  if (environment === undefined) {
    return '  # environment:                     # all that the server sees of an environment\n  #   LOG_LEVEL: info';
  }
  const lines = Object.entries(environment).map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`);
  return ['  environment:', ...lines].join('\n');
}

function flow(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;
}

/** As it is where YAML reads it as that text, else in quotes, in the form that JSON and YAML share. */
function scalar(value: string): string {
  return /^(?:npm:|path:)?[A-Za-z.][A-Za-z0-9@._/~+-]*$/.test(value) &&
    !/^(?:true|false|null|\.(?:inf|nan))$/i.test(value)
    ? value
    : JSON.stringify(value);
}
