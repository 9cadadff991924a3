/**
 * The first tool call through a fresh bridge, beside the same call by a client that connects directly
 * and verifies nothing. Both begin with connecting.
 *
 * @module
 */
import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Agent, fetch as undiciFetch } from 'undici';
import type { Installation } from '../packed.ts';
import { environmentOf, host, vitrine } from './host.ts';
import { type Figure, timed } from './statistics.ts';

const RUNS = 11;

async function firstCall(transport: Transport): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1.0.0' });
  await client.connect(transport);
  await client.callTool({ name: 'echo', arguments: { message: 'bench' } });
  return client;
}

export async function benchBridge(installation: Installation): Promise<readonly Figure[]> {
  const { url, referenceValues, stop } = await host(installation);
  await vitrine(installation, 'add', url, '--allow-simulator', '--reference', referenceValues, '--print', '--yes');
  const through: number[] = [];
  const direct: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const bridge = new StdioClientTransport({
      command: process.execPath,
      args: [installation.vitrine, 'connect', url],
      env: environmentOf(installation),
      stderr: 'ignore',
    });
    let client: Client | undefined;
    through.push(await timed(async () => (client = await firstCall(bridge))));
    await client?.close();

    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    const fetch = (input: string | URL, init?: RequestInit): Promise<Response> =>
      undiciFetch(input, { ...(init as object), dispatcher }) as unknown as Promise<Response>;
    direct.push(
      await timed(async () => (client = await firstCall(new StreamableHTTPClientTransport(new URL(url), { fetch })))),
    );
    await client?.close();
    await dispatcher.close();
  }
  await stop();
  return [
    { name: 'first tool call through a fresh bridge', samples: through, unit: 'ms', target: '' },
    { name: '… by a direct client that verifies nothing', samples: direct, unit: 'ms', target: '' },
    {
      name: '… the bridge takes more',
      samples: through.map((value, run) => value - (direct[run] ?? 0)),
      unit: 'ms',
      target: 'under 300 ms',
    },
  ];
}
