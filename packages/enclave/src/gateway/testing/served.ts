/**
 * A gateway on a loopback port in front of one of the test servers, and clients for it.
 *
 * @module
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { KEY_SOCKET, KEY_SOCKET_VARIABLE } from '@vitrine/keys/client';
import { onTestFinished, vi } from 'vitest';
import { ANYBODY, type Principal } from '../../guard/principal.ts';
import type { Housing } from '../../housing/housing.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../gateway.ts';
import type { GatewayLimits } from '../limits.ts';
import { ownProcessGroup } from '../process-group.ts';

export interface Served {
  readonly gateway: Gateway;
  readonly url: URL;
  /** What the server wrote to standard error, and the gateway's notes. */
  readonly log: string[];
  legacyClient(options?: ClientOptions): Promise<Client>;
  modernClient(options?: ClientOptions): Promise<Client>;
}

/** How to start a test server. `environment` is complete: nothing is inherited. */
export interface ServerLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Plain processes, without a base environment or directories; with a socket to the key service where it is wanted. */
export function plainHousing(launch: ServerLaunch, keySocket = false): Housing {
  return {
    obtained: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    keySockets: keySocket ? [KEY_SOCKET] : [],
    house: async () => ({
      start: () =>
        spawn(launch.command, [...launch.args], {
          cwd: launch.cwd,
          env: { ...launch.environment, ...(keySocket ? { [KEY_SOCKET_VARIABLE]: `fd:${KEY_SOCKET}` } : {}) },
          detached: ownProcessGroup,
          stdio: keySocket ? ['pipe', 'pipe', 'pipe', 'pipe'] : 'pipe',
        }) as ChildProcessWithoutNullStreams,
      egress: () => new Map(),
      verdict: () => undefined,
      dispose: async () => undefined,
    }),
    close: async () => undefined,
  };
}

export function launchOf(script: string, args: readonly string[] = []): ServerLaunch {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  return {
    command: process.execPath,
    args: [`${folder}${script}`, ...args],
    cwd: folder,
    environment: { MARK: 'only this' },
  };
}

/** Serves a test server until the running test has finished. */
export async function serve(
  script: 'legacy-server.mjs' | 'modern-server.mjs',
  args: readonly string[] = [],
  limits: Partial<GatewayLimits> = {},
  shared: boolean = false,
): Promise<Served> {
  return serveLaunch(launchOf(script, args), limits, shared);
}

/** The header by which a test says who calls; without it everybody is the same. */
export const PRINCIPAL_HEADER = 'x-test-principal';

function principalOf(request: IncomingMessage): Principal {
  const id = request.headers[PRINCIPAL_HEADER];
  return typeof id === 'string' ? { id, scopes: new Set() } : ANYBODY;
}

export function serveLaunch(
  launch: ServerLaunch,
  limits: Partial<GatewayLimits> = {},
  shared: boolean = false,
): Promise<Served> {
  return serveIn(plainHousing(launch), limits, { shared });
}

/** Serves what is in this housing, until the running test has finished. */
export async function serveIn(
  housing: Housing,
  limits: Partial<GatewayLimits> = {},
  options: Partial<GatewayOptions> = {},
): Promise<Served> {
  const log: string[] = [];
  const gateway = createGateway({
    housing,
    onServerLog: (line) => log.push(line),
    limits: { stopMs: 300, ...limits },
    ...options,
  });
  const server = createServer((request, response) => void gateway.handle(request, response, principalOf(request)));
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  const clients: Client[] = [];

  async function connect(options: ClientOptions): Promise<Client> {
    const client = new Client({ name: 'test-client', version: '1.0.0' }, options);
    clients.push(client);
    await client.connect(new StreamableHTTPClientTransport(url));
    return client;
  }

  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await gateway.close(0);
    server.closeAllConnections();
    const { promise, resolve: closed } = Promise.withResolvers<unknown>();
    server.close(closed);
    await promise;
  });

  return {
    gateway,
    url,
    log,
    legacyClient: (options = {}) => connect(options),
    modernClient: (options = {}) => connect({ ...options, versionNegotiation: { mode: { pin: '2026-07-28' } } }),
  };
}

/** The text of a tool result's first item. */
export function textOf(result: { readonly content?: unknown }): string {
  const content = result.content as readonly { readonly text?: string }[] | undefined;
  return content?.[0]?.text ?? '';
}

export interface WhoAmI {
  readonly pid: number;
  readonly client: { readonly info: unknown; readonly capabilities: unknown };
  readonly level: string;
  readonly meta: Readonly<Record<string, unknown>> | null;
  readonly environment: Readonly<Record<string, string>>;
}

export async function whoami(client: Client, meta?: Readonly<Record<string, unknown>>): Promise<WhoAmI> {
  const params = { name: 'whoami', arguments: {}, ...(meta === undefined ? {} : { _meta: meta }) };
  return JSON.parse(textOf(await client.callTool(params))) as WhoAmI;
}

/** Whether no process has this id any more; one that nobody has collected yet counts as gone. */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  if (process.platform !== 'linux') return false;
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

/** Waits until the server has said `line` `times` times. */
export async function said(served: Served, line: string, times: number = 1): Promise<void> {
  await until(() => served.log.filter((one) => one === line).length >= times);
}

/** Waits until `condition` holds, within the test's patience. */
export async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`still not so: ${condition.toString()}`);
    },
    { timeout: 5_000, interval: 10 },
  );
}

/** A raw POST, for what no well-behaved client sends. */
export async function post(
  url: URL,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly headers: Headers; readonly body: string }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** A 2026-07-28 request with its envelope, and the headers that go with it. */
export function modernRequest(
  id: string | number,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  capabilities: Readonly<Record<string, unknown>> = {},
): { readonly body: Record<string, unknown>; readonly headers: Record<string, string> } {
  const name = params['name'] ?? params['uri'];
  return {
    body: {
      jsonrpc: '2.0',
      id,
      method,
      params: {
        ...params,
        _meta: {
          ...Object(params['_meta']),
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': capabilities,
        },
      },
    },
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
  };
}
