/**
 * From the start of `vitrine run` of an installed package until it is ready, beside the server's own start.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Installation } from '../packed.ts';
import { host } from './host.ts';
import { type Figure, timed } from './statistics.ts';

const RUNS = 7;
const EVERYTHING: string = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));

export async function benchRun(installation: Installation): Promise<readonly Figure[]> {
  const ready: number[] = [];
  const bare: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    ready.push(
      await timed(async () => {
        const { stop } = await host(installation);
        // Stopping is not measured, and must not overlap with the next start.
        stopping = stop;
      }),
    );
    await stopping();
    const client = new Client({ name: 'bench', version: '1.0.0' });
    bare.push(
      await timed(() =>
        client.connect(new StdioClientTransport({ command: process.execPath, args: [EVERYTHING], stderr: 'ignore' })),
      ),
    );
    await client.close();
  }
  return [
    { name: '`vitrine run` of an installed package to ready', samples: ready, unit: 'ms', target: 'under 3 s' },
    { name: '… the same server alone, to its first answer', samples: bare, unit: 'ms', target: '' },
  ];
}

let stopping: () => Promise<void> = async () => {};
