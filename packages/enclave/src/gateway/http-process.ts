/**
 * One process of the hosted MCP server that speaks Streamable HTTP on its own loopback interface, as the
 * rest of the gateway knows servers: messages go in, messages come out.
 *
 * A message is relayed as it is. What the transport adds is kept here: the session and the standing
 * stream of a 2025-11-25 server, the headers that repeat parts of a 2026-07-28 request, and that closing
 * an answer is how the latter is cancelled. The path of the endpoint is `/mcp`. What the process prints is log.
 *
 * Specification: MCP 2025-11-25 and 2026-07-28, Streamable HTTP, as a client.
 *
 * @module
 */
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { House, HttpPlace } from '../housing/housing.ts';
import { type Child, startChild } from './child-lifecycle.ts';
import { ServerFailedError } from './failure.ts';
import { openHttpConnections } from './http-connections.ts';
import { createHttpRelay } from './http-relay.ts';
import type { KeySocketTaker } from './key-sockets.ts';
import type { GatewayLimits } from './limits.ts';
import { describeExit, type ServerConsumer, type ServerExit, type ServerProcess } from './server-contract.ts';

/** How often the port is tried while the server starts. */
const TRY_MS = 50;
/** Any answer to it shows that the server listens. */
const PROBE = { method: 'HEAD', path: '/', headers: { Accept: '*/*' } } as const;
/** One try must not take all the time that there is. */
const PROBE_MS = 2_000;

/** Starts the server. `house.http` says where it will listen. */
export function startHttpProcess(
  house: House & { readonly http: HttpPlace },
  limits: GatewayLimits,
  onServerLog: (line: string) => void,
  keySockets?: KeySocketTaker,
): ServerProcess {
  let consumer: ServerConsumer | undefined;
  let exit: ServerExit | undefined;
  const over = new AbortController();
  const child = startChild({
    house,
    limits,
    onServerLog,
    onExit,
    ...(keySockets === undefined ? {} : { keySockets }),
  });
  const connections = openHttpConnections(house.http);
  const relay = createHttpRelay({
    connections,
    maxBytes: limits.messageBytes,
    ended: over.signal,
    deliver: (message, relatedTo) => consumer?.onMessage(message, relatedTo),
    fail: child.kill,
    onNote: onServerLog,
  });
  let stopping: Promise<void> | undefined;

  function onExit(how: ServerExit): void {
    exit = how;
    over.abort();
    connections.close();
    consumer?.onExit(how);
  }

  const probe = async (): Promise<boolean> => {
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(PROBE_MS)]);
    const answer = await connections.ask({ ...PROBE, signal }).catch(() => undefined);
    answer?.body.destroy();
    return answer !== undefined;
  };

  const listening = untilListening(child, probe, house.http.port, limits.startMs);
  // Whoever waits for it is told; the process has ended then, which the others are told.
  listening.catch(() => undefined);

  return {
    pid: child.process.pid,
    exited: child.exited,
    listening,
    isAlive: child.isAlive,
    send(message: JSONRPCMessage) {
      if (child.isAlive()) relay.send(message, listening);
    },
    attach(next) {
      consumer = next;
      if (exit !== undefined) {
        const past = exit;
        queueMicrotask(() => next.onExit(past));
      }
    },
    stop() {
      stopping ??= relay.endSession(limits.stopMs).then(() => child.stop());
      return stopping;
    },
  };
}

/** @throws ServerFailedError when it ends before, or does not listen in time, which ends it. */
async function untilListening(
  child: Child,
  probe: () => Promise<boolean>,
  port: number,
  limitMs: number,
): Promise<void> {
  const limit = setTimeout(child.kill, limitMs, `did not listen on port ${port} of 127.0.0.1 within ${limitMs} ms`);
  try {
    while (child.isAlive()) {
      if (await probe()) return;
      await pause(TRY_MS);
    }
  } finally {
    clearTimeout(limit);
  }
  throw new ServerFailedError(describeExit(await child.exited));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
