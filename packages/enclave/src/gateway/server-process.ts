/**
 * One process of the hosted MCP server, spoken to over standard input and output: newline-delimited
 * JSON-RPC (MCP stdio transport). Knows nothing of protocol eras.
 *
 * Nothing that the server writes can stop the gateway: what is not JSON-RPC is logged and skipped, and
 * a message beyond the limit, a flood, or input that is left unread ends that process alone (`conduct.ts`).
 * Stopping follows the stdio transport's order: close input, SIGTERM, SIGKILL; afterwards nothing of its
 * process group is left.
 *
 * @module
 */
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import type { House } from '../housing/housing.ts';
import { type ChildReader, startChild } from './child-lifecycle.ts';
import { createInputWatch } from './input-watch.ts';
import type { GatewayLimits } from './limits.ts';
import { createLineSplitter, type LineSplitter } from './line-splitter.ts';
import { isRequest, isResponse, parseLine } from './message.ts';

/** How a server process ended. */
export interface ServerExit {
  /** Without the server's own words, so fit for remote clients: `exited with code 3`. */
  readonly reason: string;
  /** The last lines that it wrote to standard error. */
  readonly lastLines: readonly string[];
}

/** Who gets a server's messages. Exactly one at a time. */
export interface ServerConsumer {
  /** @param relatedTo - The client's request that the message belongs to, where that is known. */
  readonly onMessage: (message: JSONRPCMessage, relatedTo?: RequestId) => void;
  /** Called once, also when the process had ended before the consumer was attached. */
  readonly onExit: (exit: ServerExit) => void;
}

export interface ServerProcess {
  readonly pid: number | undefined;
  readonly exited: Promise<ServerExit>;
  /** Of a server that has to be waited for: resolves when it can be spoken to; rejects with ServerFailedError. */
  readonly listening?: Promise<void>;
  isAlive(): boolean;
  /** Writes one message; a no-op once the process has ended. */
  send(message: JSONRPCMessage): void;
  /** Replaces the consumer. */
  attach(consumer: ServerConsumer): void;
  /** Resolves when the process and its group are gone. Idempotent. */
  stop(): Promise<void>;
}

/** What a JSON-RPC message may begin with: a brace, a bracket of a batch, white space. */
const JSON_STARTS: ReadonlySet<number> = new Set(Buffer.from('{[ \t\r'));
const SHOWN_GARBAGE = 200;

/**
 * Starts the server. Never throws for a missing command: that is an exit with its own reason.
 *
 * @param onServerLog - Gets lines of standard error, and notes about unusable output.
 */
export function startServerProcess(
  house: House,
  limits: GatewayLimits,
  onServerLog: (line: string) => void,
): ServerProcess {
  let consumer: ServerConsumer | undefined;
  let exit: ServerExit | undefined;
  const child = startChild({
    house,
    limits,
    onServerLog,
    output: (may) => readMessages(limits, may, (message) => consumer?.onMessage(message)),
    onExit(how) {
      exit = how;
      input.close();
      consumer?.onExit(how);
    },
  });
  const { stdin, stdout } = child.process;
  const input = createInputWatch(stdin, limits, child.kill);
  // A server that no longer reads or writes can answer nothing. Usually it is about to exit, which says more.
  stdin.on('error', child.expectExit);
  stdout.on('error', child.expectExit);
  stdout.once('end', child.expectExit);

  return {
    pid: child.process.pid,
    exited: child.exited,
    isAlive: child.isAlive,
    send(message) {
      if (!stdin.writable) return;
      if (isRequest(message)) child.conduct.asked();
      if (!stdin.write(`${JSON.stringify(message)}\n`)) input.waits();
    },
    attach(next) {
      consumer = next;
      if (exit !== undefined) {
        const past = exit;
        queueMicrotask(() => next.onExit(past));
      }
    },
    stop: () => child.stop('input-first'),
  };
}

function readMessages(
  limits: GatewayLimits,
  { conduct, enforce, kill, log }: ChildReader,
  deliver: (message: JSONRPCMessage) => void,
): LineSplitter {
  return createLineSplitter(
    (first) => (JSON_STARTS.has(first) ? limits.messageBytes : limits.garbageBytesPerMinute),
    (line) => {
      if (line.trim() === '') return;
      const messages = parseLine(line);
      if (messages === undefined) {
        log(`standard output, not JSON-RPC: ${line.slice(0, SHOWN_GARBAGE)}`);
        enforce(conduct.garbage(line.length));
        return;
      }
      for (const message of messages) {
        enforce(conduct.message(isResponse(message)));
        deliver(message);
      }
    },
    (most) => kill(`was ended because one of its messages exceeded ${most} bytes`),
  );
}

/** The operator's sentence about an exit, with the server's last words. */
export function describeExit(exit: ServerExit): string {
  const words =
    exit.lastLines.length === 0 ? '; it wrote nothing to standard error' : `:\n  ${exit.lastLines.join('\n  ')}`;
  return `the server ${exit.reason}${words}`;
}
