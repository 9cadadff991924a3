/**
 * What the gateway is compared with, each started as a process of its own in front of the same echo
 * server: Vitrine itself, `mcp-proxy`, `supergateway`, and the SDK's server with nothing in front.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Installation } from '../packed.ts';
import { installedPeers } from '../peers.ts';
import type { Era } from './gateway-load.ts';
import { environmentOf } from './host.ts';

export interface Subject {
  readonly name: string;
  readonly eras: readonly Era[];
  start(): Promise<Started>;
}

export interface Started {
  readonly url: string;
  /** Resident memory, in kB: of the process itself, and with all that it has started. Linux only. */
  memory(): Promise<{ readonly own: number; readonly all: number }>;
  stop(): Promise<void>;
}

const BOTH: readonly Era[] = ['2025-11-25', '2026-07-28'];
const ECHO: string = join(import.meta.dirname, 'gateway-echo.ts');
const ECHO_COMMAND: readonly string[] = [process.execPath, '--conditions=@vitrine/source', ECHO, 'stdio'];
const READY_MS = 20_000;

export async function subjects(installation: Installation): Promise<readonly Subject[]> {
  const peers = join(await installedPeers(), 'node_modules');
  const env = environmentOf(installation);
  return [
    {
      name: 'Vitrine, stdio, attested TLS 1.3',
      eras: BOTH,
      start: async () => {
        const child = run(
          [installation.vitrine, 'run', '--listen', '127.0.0.1:0', '--json', '--', ...ECHO_COMMAND],
          env,
          'SIGINT',
        );
        const { url } = JSON.parse(await child.firstLine()) as { readonly url: string };
        return { ...child, url };
      },
    },
    {
      name: '`mcp-proxy` 6.7.19, plain HTTP',
      eras: BOTH,
      start: async () => {
        const port = await freePort();
        const program = join(peers, 'mcp-proxy', 'dist', 'bin', 'mcp-proxy.mjs');
        return reachable(run([program, '--port', `${port}`, '--host', '127.0.0.1', '--', ...ECHO_COMMAND], env), port);
      },
    },
    {
      name: '`supergateway` 4.0.0, stateful, plain HTTP',
      eras: ['2025-11-25'],
      start: async () => {
        const port = await freePort();
        const args = ['--stdio', ECHO_COMMAND.join(' '), '--outputTransport', 'streamableHttp', '--stateful'];
        const program = join(peers, 'supergateway', 'dist', 'index.js');
        return reachable(run([program, ...args, '--logLevel', 'none', '--port', `${port}`], env), port);
      },
    },
    ...(['serve', 'http', 'https'] as const).map((how) => ({
      name:
        how === 'serve' ? 'Vitrine, `serve(factory)`, attested TLS 1.3' : `the SDK's own server over \`node:${how}\``,
      eras: BOTH,
      start: async () => {
        const child = run(['--conditions=@vitrine/source', ECHO, how], env);
        return { ...child, url: await child.firstLine() };
      },
    })),
  ];
}

type Running = Omit<Started, 'url'> & { firstLine(): Promise<string> };

function run(args: readonly string[], env: Record<string, string>, signal: NodeJS.Signals = 'SIGTERM'): Running {
  const child: ChildProcess = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'ignore'] });
  return {
    async firstLine() {
      if (child.stdout === null) throw new Error('no output');
      for await (const line of createInterface({ input: child.stdout })) {
        // What else it prints must not fill the pipe.
        child.stdout.resume();
        return line;
      }
      throw new Error(`${args.join(' ')} did not start`);
    },
    memory: async () => ({ own: await residentOf(child.pid ?? 0), all: await residentOfTree(child.pid ?? 0) }),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

/** Waits until something answers at the port. */
async function reachable(child: Running, port: number): Promise<Started> {
  const url = `http://127.0.0.1:${port}/mcp`;
  const end = performance.now() + READY_MS;
  while (performance.now() < end) {
    const answered = await fetch(url, { method: 'DELETE' }).then(
      () => true,
      () => false,
    );
    if (answered) return { ...child, url };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await child.stop();
  throw new Error(`nothing answers at ${url}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function residentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
}

async function residentOfTree(root: number): Promise<number> {
  const parents = new Map<number, number>();
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    // The name of the program, in parentheses, may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    parents.set(Number(entry), parent);
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 0; at = parents.get(at))
      if (at === root) return true;
    return false;
  };
  let sum = 0;
  for (const pid of parents.keys()) if (isBelow(pid)) sum += await residentOf(pid);
  return sum;
}
