/**
 * The embedding call: a program that has a factory of MCP servers offers them over the attested channel,
 * with front door and gateway around them.
 *
 * The servers run in the program's own process, so there is no sandbox, and its code is not measured here:
 * the manifest says `command`, and every verdict that the code is not measured. A platform that measures
 * the whole program does so itself. To have the code measured and sandboxed, host it with
 * `vitrine run module:…`.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { McpServerFactory } from '@modelcontextprotocol/server';
import type { QuoteSource } from '@vitrine/attester';
import { type Manifest, manifestDigest } from '@vitrine/documents';
import type { ListenSettings } from './config/settings.ts';
import { createGateway } from './gateway/gateway.ts';
import { inProcessHousing } from './housing/in-process-housing.ts';
import { localKeyService } from './local-key-service.ts';
import { startEnclave } from './run-enclave.ts';

/** What of the manifest the program decides; none of it has a default. */
export interface ServeSettings extends Pick<Manifest, 'name' | 'number' | 'isolation' | 'catalogue'> {
  /** Of callers; the process itself cannot be limited from within. */
  readonly limits?: Pick<NonNullable<Manifest['limits']>, 'requestsPerMinute' | 'concurrentRequests'>;
  /** Who may call; anybody only where it says so. */
  readonly auth: NonNullable<Manifest['auth']>;
  readonly listen: ListenSettings;
  /** The TEE that signs, given the digest of the manifest in hexadecimal. */
  readonly source: (manifestDigest: string) => QuoteSource;
  /** Gets one line at a time about the servers; absent: they are dropped. */
  readonly onServerLog?: (line: string) => void;
}

export interface Serving {
  /** The MCP endpoint. */
  readonly url: string;
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  /** Lets running requests finish for `graceMs`, then ends everything. Idempotent. */
  stop(graceMs: number): Promise<void>;
}

const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;

/**
 * Resolves when the first server of the factory has answered.
 *
 * @param factory - As `createMcpHandler` and `serveStdio` of the SDK take it; called for each server that is needed.
 * @throws UsageError when it cannot listen there; ServerFailedError when the factory's server does not answer.
 */
export async function serve(factory: McpServerFactory, settings: ServeSettings): Promise<Serving> {
  const { name, number, isolation, catalogue, limits, auth } = settings;
  const manifest: Manifest = {
    type: 'vitrine/manifest/v1',
    number,
    name,
    server: {
      source: { kind: 'command', command: 'serve' },
      args: [],
      environment: {},
      transport: 'stdio',
    },
    sandbox: 'none',
    ...(isolation === undefined ? {} : { isolation }),
    auth,
    ...(catalogue === undefined ? {} : { catalogue }),
    ...(limits === undefined ? {} : { limits }),
    runtime: { vitrine: VERSION, node: process.versions.node },
  };
  const digest = await manifestDigest(manifest);
  const enclave = await startEnclave({
    manifest,
    housing: inProcessHousing(factory),
    fetch: (url, options) => fetch(url, options),
    keys: localKeyService({ source: settings.source(digest), manifest, randomBytes: (length) => randomBytes(length) }),
    listen: settings.listen,
    gateway: createGateway,
    onServerLog: settings.onServerLog ?? (() => undefined),
    now: () => new Date(),
    randomBytes: (length) => randomBytes(length),
  });
  await enclave.ready;
  return { url: enclave.url, manifest, manifestDigest: digest, stop: enclave.stop };
}
