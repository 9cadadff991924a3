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
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { House } from '../housing/housing.ts';
import { type ChildReader, startChild } from './child-lifecycle.ts';
import { createInputWatch } from './input-watch.ts';
import type { KeySocketTaker } from './key-sockets.ts';
import type { GatewayLimits } from './limits.ts';
import { createLineSplitter, type LineSplitter } from './line-splitter.ts';
import { isRequest, isResponse, parseLine } from './message.ts';
import { nestsTooDeep } from './nesting.ts';
import type { ServerConsumer, ServerExit, ServerProcess } from './server-contract.ts';

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
  keySockets?: KeySocketTaker,
): ServerProcess {
  let consumer: ServerConsumer | undefined;
  let exit: ServerExit | undefined;
  const child = startChild({
    house,
    limits,
    onServerLog,
    ...(keySockets === undefined ? {} : { keySockets }),
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
      // Requests that come together go on together: one call of the system for all of them.
      if (stdin.writableCorked === 0) {
        stdin.cork();
        setImmediate(() => stdin.uncork());
      }
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
      if (nestsTooDeep(line)) {
        // Its caller would wait for an answer that cannot be handed on.
        kill('was ended because one of its messages nests too deep');
        return;
      }
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
