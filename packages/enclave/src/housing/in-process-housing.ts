/**
 * No housing at all: servers of a factory in this very process, for programs that embed Vitrine. Nothing
 * stands between them and the gateway's memory, and so it is attested.
 *
 * @module
 */
import { InMemoryTransport, type McpServerFactory } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { ServerConsumer, ServerExit, ServerProcess } from '../gateway/server-contract.ts';
import type { House, Housing } from './housing.ts';

export function inProcessHousing(factory: McpServerFactory): Housing {
  return {
    obtained: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    keySockets: [],
    house: async (): Promise<House> => ({
      start() {
        throw new Error('a server in this process is not started');
      },
      inProcess: () => openServer(factory),
      egress: () => new Map(),
      verdict: () => undefined,
      dispose: async () => undefined,
    }),
    close: async () => undefined,
  };
}

/** One server of the factory, in the era that its first message has. */
function openServer(factory: McpServerFactory): ServerProcess {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const { promise: exited, resolve } = Promise.withResolvers<ServerExit>();
  let consumer: ServerConsumer | undefined;
  let exit: ServerExit | undefined;
  ours.onmessage = (message) => consumer?.onMessage(message);
  ours.onclose = () => {
    if (exit !== undefined) return;
    exit = { reason: 'closed its connection', lastLines: [] };
    resolve(exit);
    consumer?.onExit(exit);
  };
  const server = serveStdio(factory, { transport: theirs });
  const started = ours.start();
  return {
    pid: undefined,
    exited,
    isAlive: () => exit === undefined,
    send(message) {
      if (exit === undefined) void started.then(() => ours.send(message)).catch(() => ours.close());
    },
    attach(next) {
      consumer = next;
      const past = exit;
      if (past !== undefined) queueMicrotask(() => next.onExit(past));
    },
    async stop() {
      await server.close();
      await ours.close();
    },
  };
}
