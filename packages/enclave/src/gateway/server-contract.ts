/**
 * The hosted server as the rest of the gateway knows it, however it is reached: messages go in, messages
 * come out, and it ends for a reason.
 *
 * @module
 */
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';

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
  /** How the key service knows it; absent where it has no socket to one. */
  readonly instance?: string;
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

/** The operator's sentence about an exit, with the server's last words. */
export function describeExit(exit: ServerExit): string {
  const words =
    exit.lastLines.length === 0 ? '; it wrote nothing to standard error' : `:\n  ${exit.lastLines.join('\n  ')}`;
  return `the server ${exit.reason}${words}`;
}
