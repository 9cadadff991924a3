/**
 * The bridge at work: what it adds to a call, how many calls it carries beside `mcp-remote` 0.15.1
 * to the same server over TLS, how soon it answers, and whether it grows.
 *
 * The server is a small one in a process of its own, over attested TLS; `mcp-remote` is told to
 * accept its certificate. Direct calls go over TLS that verifies nothing, on one kept connection.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Agent } from 'undici';
import type { Installation } from '../packed.ts';
import { installedPeers } from '../peers.ts';
import { environmentOf } from './host.ts';
import { type Figure, timed } from './statistics.ts';
import { load, startStdio } from './stdio-load.ts';

const ROUNDS = 9;
const CALLS = 300;
const LOAD_CALLS = 3_000;
const WIDTH = 16;
const STARTS = 11;
/** The young generation of the heap takes its final size in the first tens of thousands of calls. */
const WARM_UP_CALLS = 60_000;
const SOAK_CALLS = 60_000;

interface Echo {
  readonly url: string;
  readonly referenceValues: string;
  readonly policy: string;
  readonly root: string;
}

async function startEcho(): Promise<{ readonly echo: Echo; stop(): Promise<void> }> {
  const child = spawn(
    process.execPath,
    ['--conditions=@vitrine/source', join(import.meta.dirname, 'attested-echo.ts')],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  };
  for await (const line of createInterface({ input: child.stdout })) return { echo: JSON.parse(line) as Echo, stop };
  throw new Error('the server did not start');
}

/** Calls without anything in between, over one connection that is kept. */
function direct(url: string): { call(): Promise<void>; close(): Promise<void> } {
  const { origin, pathname: path } = new URL(url);
  const agent = new Agent({ connect: { rejectUnauthorized: false }, connections: WIDTH });
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  return {
    async call() {
      const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"}}}';
      const answer = await agent.request({ origin, path, method: 'POST', headers, body });
      await answer.body.json();
    },
    close: () => agent.close(),
  };
}

async function medianOf(call: () => Promise<void>): Promise<number> {
  const samples: number[] = [];
  for (let count = 0; count < CALLS; count++) samples.push(await timed(call));
  return samples.sort((left, right) => left - right)[CALLS >> 1] ?? Number.NaN;
}

export async function benchBridgeLoad(installation: Installation): Promise<readonly Figure[]> {
  const { echo, stop } = await startEcho();
  const { url, referenceValues, policy, root } = echo;
  const trust = ['--policy', policy, '--reference', referenceValues, '--simulator-root', root];
  const env = environmentOf(installation);
  const remote = join(await installedPeers(), 'node_modules', 'mcp-remote', 'dist', 'proxy.js');
  const bridgeArgs = [installation.vitrine, 'connect', url, ...trust];
  const bridge = await startStdio(bridgeArgs, env);
  const peer = await startStdio([remote, url, '--transport', 'http-only'], {
    ...env,
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    MCP_REMOTE_CONFIG_DIR: join(installation.directory, 'mcp-remote'),
  });
  const straight = direct(url);
  const samples = { added: [], bridge: [], peer: [], straight: [], start: [] } as Record<
    'added' | 'bridge' | 'peer' | 'straight' | 'start',
    number[]
  >;
  for (const call of [bridge.call, peer.call, straight.call]) await load(call, LOAD_CALLS, WIDTH);
  for (let round = 0; round < ROUNDS; round++) {
    samples.added.push((await medianOf(bridge.call)) - (await medianOf(straight.call)));
    samples.bridge.push(await load(bridge.call, LOAD_CALLS, WIDTH));
    samples.peer.push(await load(peer.call, LOAD_CALLS, WIDTH));
    samples.straight.push(await load(straight.call, LOAD_CALLS, WIDTH));
  }
  await peer.stop();
  await straight.close();
  await load(bridge.call, WARM_UP_CALLS, WIDTH);
  const before = await bridge.memory();
  await load(bridge.call, SOAK_CALLS, WIDTH);
  const growth = (await bridge.memory()) / before;
  await bridge.stop();
  for (let count = 0; count < STARTS; count++) {
    const fresh = await startStdio(bridgeArgs, env);
    samples.start.push(fresh.startMs);
    await fresh.stop();
  }
  await stop();
  return [
    {
      name: 'call through the bridge, more than a direct one',
      samples: samples.added,
      unit: 'ms',
      target: 'under 1 ms',
    },
    { name: `calls through the bridge, ${WIDTH} at a time`, samples: samples.bridge, unit: '/s', target: '' },
    { name: '… through `mcp-remote` 0.15.1', samples: samples.peer, unit: '/s', target: '' },
    { name: '… without anything in between', samples: samples.straight, unit: '/s', target: '' },
    {
      name: '… the bridge as a multiple of `mcp-remote`',
      samples: samples.bridge.map((value, round) => value / (samples.peer[round] ?? Number.NaN)),
      unit: '×',
      target: 'at least 1 ×',
    },
    { name: 'start of the bridge to its first answer', samples: samples.start, unit: 'ms', target: 'under 700 ms' },
    {
      name: `memory of the bridge after ${SOAK_CALLS} calls, as a multiple`,
      samples: [growth],
      unit: '×',
      target: 'at most 1.1 ×',
    },
  ];
}
