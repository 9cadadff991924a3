/**
 * From what people wrote to what runs: finds or installs the code, measures it, and gives the manifest that
 * commits to it together with the launch that follows from it and from nothing else.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { type Manifest, UsageError } from '@vitrine/documents';
import type { ServerTemplate } from '../housing/housing.ts';
import { locateServer } from './locate-server.ts';
import { checkPublicValues } from './public-values.ts';
import type { ResolveOptions } from './resolve-options.ts';
import { tokenDigests } from './token-file.ts';

export interface Resolved {
  readonly manifest: Manifest;
  readonly template: ServerTemplate;
  /** Where the server's data is, if it is not in memory. */
  readonly dataDirectory: string;
}

/**
 * @throws UsageError for what the user has to change, SourceUnavailableError for the registry,
 *   LockMismatchError for code that is not what was locked.
 */
export async function resolveManifest(options: ResolveOptions): Promise<Resolved> {
  const { settings } = options;
  const environment = settings.server.environment ?? {};
  const [, ...commandArgs] = settings.server.command ?? [];
  checkPublicValues(settings.server.args ?? commandArgs, environment);

  const located = await locateServer(options);
  const name = settings.name ?? nameFrom(located.called);
  const dataDirectory = path.join(options.stateDirectory, 'data', name);
  return {
    manifest: {
      type: 'vitrine/manifest/v1',
      number: settings.number,
      name,
      server: {
        source: located.source,
        args: located.ownArgs,
        environment,
        transport: settings.server.transport ?? 'stdio',
        ...(settings.server.httpPort === undefined ? {} : { port: settings.server.httpPort }),
      },
      sandbox: settings.sandbox,
      ...settings.terms,
      auth: await resolveAuth(options),
      runtime: options.versions,
    },
    template: {
      command: located.command,
      args: [...located.args, ...located.ownArgs],
      ...(located.cwd === undefined ? {} : { workingDirectory: located.cwd }),
      environment: { ...located.environment, ...environment },
      readable: located.readable,
      ...(located.root === undefined ? {} : { root: located.root }),
      ...(settings.server.httpPort === undefined ? {} : { httpPort: settings.server.httpPort }),
    },
    dataDirectory,
  };
}

/**
 * Who may call. Nothing written means anybody, which is said only where nobody but this machine can reach it.
 */
async function resolveAuth({ settings, directory }: ResolveOptions): Promise<NonNullable<Manifest['auth']>> {
  const { auth, listen } = settings;
  if (auth === undefined) {
    if (isLoopback(listen.host)) return { kind: 'none' };
    throw new UsageError(
      'config.auth',
      `it listens on ${listen.host}, which others can reach: write "auth", which is none, bearer or oauth`,
    );
  }
  if (auth.kind !== 'bearer') return auth;
  if (auth.tokens !== undefined) return { kind: 'bearer', tokens: auth.tokens };
  const file = path.resolve(directory, auth.tokenFile ?? '');
  const content = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError('config.tokens', `cannot read the token file ${file}: ${cause.code ?? cause.message}`, {
      cause,
    });
  });
  return { kind: 'bearer', tokens: tokenDigests(content, auth.tokenFile ?? file) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** `@scope/server-x` gives `server-x`; what a manifest's name may not hold is left out. */
function nameFrom(called: string): string {
  const last = called.split('/').at(-1) ?? '';
  const name = last
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return name === '' ? 'server' : name;
}
