/** The whole gateway in front of servers that speak Streamable HTTP, for clients of both eras. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, type ClientOptions, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ANYBODY } from '../guard/principal.ts';
import type { Housing } from '../housing/housing.ts';
import { createGateway } from './gateway.ts';
import { ownProcessGroup } from './process-group.ts';
import { launchOf, textOf } from './testing/served.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Each house gets a port of its own, as each sandbox has a loopback interface of its own. */
function portHousing(era: string): Housing {
  return {
    obtained: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    keySockets: [],
    async house() {
      const port = await freePort();
      const launch = launchOf('http-server.mjs', [`${port}`, era]);
      return {
        start: () =>
          spawn(launch.command, [...launch.args], {
            cwd: launch.cwd,
            env: { ...launch.environment },
            detached: ownProcessGroup,
            stdio: 'pipe',
          }),
        http: { port },
        egress: () => new Map(),
        verdict: () => undefined,
        dispose: async () => undefined,
      };
    },
    close: async () => undefined,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function served(era: string): Promise<(options: ClientOptions) => Promise<Client>> {
  const gateway = createGateway({ housing: portHousing(era), onServerLog: () => undefined, limits: { stopMs: 300 } });
  const server = createServer((request, response) => void gateway.handle(request, response, ANYBODY));
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  ends.push(async () => {
    await gateway.close(0);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  return async (options) => {
    const client = new Client({ name: 'test', version: '1.0.0' }, options);
    ends.push(() => client.close());
    await client.connect(new StreamableHTTPClientTransport(url));
    return client;
  };
}

const MODERN: ClientOptions = { versionNegotiation: { mode: { pin: '2026-07-28' } } };

for (const [clientEra, options] of [
  ['2025-11-25', {}],
  ['2026-07-28', MODERN],
] as const) {
  for (const serverEra of ['legacy', 'modern']) {
    promise('P8', `a ${clientEra} client of a ${serverEra} server over HTTP: calls, headers and progress`, async () => {
      const client = await (await served(serverEra))(options);
      const result = await client.callTool({ name: 'weather', arguments: { city: 'Zürich' } });
      expect(textOf(result)).toBe('"Zürich"');
      const notes: number[] = [];
      await client.callTool(
        { name: 'progress', arguments: {} },
        { onprogress: ({ progress }) => notes.push(progress) },
      );
      expect(notes).toEqual([1, 2, 3]);
    });
  }
}

promise('P8', 'an elicitation of a legacy server over HTTP reaches a legacy client', async () => {
  const client = await (await served('legacy'))({ capabilities: { elicitation: {} } });
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { name: 'Ada' } }));
  expect(textOf(await client.callTool({ name: 'ask', arguments: {} }))).toContain('Ada');
});

promise('P8', 'two legacy sessions of an HTTP server are two processes', async () => {
  const connect = await served('legacy');
  const [one, other] = [await connect({}), await connect({})];
  const pids = await Promise.all(
    [one, other].map(async (client) => textOf(await client.callTool({ name: 'echo', arguments: {} }))),
  );
  expect(new Set(pids).size).toBe(2);
});
