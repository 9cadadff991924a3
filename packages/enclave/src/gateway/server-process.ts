/**
 * One process of the hosted MCP server, spoken to over standard input and output: newline-delimited
 * JSON-RPC (MCP stdio transport). Knows nothing of protocol eras.
 *
 * Nothing that the server writes can stop the gateway: what is not JSON-RPC is logged and skipped, and
 * a message beyond the limit ends that process alone. Stopping follows the stdio transport's order:
 * close input, SIGTERM, SIGKILL; afterwards nothing of its process group is left.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { GatewayLimits } from './limits.ts';
import { createLineSplitter } from './line-splitter.ts';
import { parseLine } from './message.ts';
import { adopt, ownProcessGroup, release, signalGroup } from './process-group.ts';

/** How to start the server. `environment` is complete: nothing is inherited. */
export interface ServerLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** How a server process ended. */
export interface ServerExit {
  /** Without the server's own words, so fit for remote clients: `exited with code 3`. */
  readonly reason: string;
  /** The last lines that it wrote to standard error. */
  readonly lastLines: readonly string[];
}

/** Who gets a server's messages. Exactly one at a time. */
interface ServerConsumer {
  readonly onMessage: (message: JSONRPCMessage) => void;
  /** Called once, also when the process had ended before the consumer was attached. */
  readonly onExit: (exit: ServerExit) => void;
}

export interface ServerProcess {
  readonly pid: number | undefined;
  readonly exited: Promise<ServerExit>;
  isAlive(): boolean;
  /** Writes one message; a no-op once the process has ended. */
  send(message: JSONRPCMessage): void;
  /** Replaces the consumer. */
  attach(consumer: ServerConsumer): void;
  /** Resolves when the process and its group are gone. Idempotent. */
  stop(): Promise<void>;
}

// Enough to hold a stack trace; a line of log beyond 8 KiB is data that does not belong there.
const KEPT_LINES = 20;
const LOG_LINE_BYTES = 8 * 1024;
// After the process itself has gone, its output may be held open by a helper that left the group.
const DRAIN_MS = 500;

/**
 * Starts the server. Never throws for a missing command: that is an exit with its own reason.
 *
 * @param onServerLog - Gets lines of standard error, and notes about unusable output.
 */
export function startServerProcess(
  launch: ServerLaunch,
  limits: GatewayLimits,
  onServerLog: (line: string) => void,
): ServerProcess {
  const child: ChildProcessWithoutNullStreams = spawn(launch.command, [...launch.args], {
    cwd: launch.cwd,
    env: { ...launch.environment },
    shell: false,
    windowsHide: true,
    detached: ownProcessGroup,
    stdio: 'pipe',
  });
  adopt(child);

  const lastLines: string[] = [];
  let consumer: ServerConsumer | undefined;
  let exit: ServerExit | undefined;
  let ownReason: string | undefined;
  let impatience: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;
  const { promise: exited, resolve: resolveExited } = Promise.withResolvers<ServerExit>();

  const output = createLineSplitter(
    limits.messageBytes,
    (line) => {
      if (line.trim() === '') return;
      const messages = parseLine(line);
      if (messages === undefined) onServerLog(`standard output, not JSON-RPC: ${line.slice(0, 200)}`);
      else for (const message of messages) consumer?.onMessage(message);
    },
    () => kill(`was ended because one of its messages exceeded ${limits.messageBytes} bytes`),
  );
  const errors = createLineSplitter(
    LOG_LINE_BYTES,
    (line) => {
      lastLines.push(line);
      if (lastLines.length > KEPT_LINES) lastLines.shift();
      onServerLog(line);
    },
    () => onServerLog(`standard error: a line longer than ${LOG_LINE_BYTES} bytes was left out`),
  );

  function kill(reason: string): void {
    ownReason = reason;
    signalGroup(child, 'SIGKILL');
  }

  /** A server that no longer reads or writes can answer nothing. Usually it is about to exit, which says more. */
  function expectExit(): void {
    if (stopping !== undefined) return;
    impatience ??= setTimeout(kill, limits.stopMs, 'was ended because it closed its standard input or output');
  }

  function finish(reason: string): void {
    if (exit !== undefined) return;
    clearTimeout(impatience);
    output.end();
    errors.end();
    exit = { reason, lastLines };
    release(child);
    resolveExited(exit);
    consumer?.onExit(exit);
  }

  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  child.stdin.on('error', expectExit);
  child.stdout.on('error', expectExit);
  child.stdout.once('end', expectExit);
  child.stderr.on('error', () => undefined);
  child.once('error', (error) => {
    if (child.pid === undefined) finish(`could not be started (${error.message})`);
  });
  child.once('exit', (code, signal) => {
    clearTimeout(impatience);
    const killed = signal === 'SIGKILL' && ownReason !== undefined ? ownReason : `was ended by ${signal}`;
    const reason = signal === null ? `exited with code ${code}` : killed;
    signalGroup(child, 'SIGKILL');
    const drain = setTimeout(() => {
      child.stdout.destroy();
      child.stderr.destroy();
      finish(reason);
    }, DRAIN_MS);
    child.once('close', () => {
      clearTimeout(drain);
      finish(reason);
    });
  });

  async function endsWithin(ms: number): Promise<boolean> {
    const { promise: elapsed, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(resolve, ms, false);
    const ended = await Promise.race([exited.then(() => true), elapsed]);
    clearTimeout(timer);
    return ended;
  }

  async function stop(): Promise<void> {
    child.stdin.end();
    if (await endsWithin(limits.stopMs)) return;
    signalGroup(child, 'SIGTERM');
    if (await endsWithin(limits.stopMs)) return;
    signalGroup(child, 'SIGKILL');
    await exited;
  }

  return {
    pid: child.pid,
    exited,
    isAlive: () => exit === undefined && child.exitCode === null && child.signalCode === null,
    send(message) {
      if (child.stdin.writable) child.stdin.write(`${JSON.stringify(message)}\n`);
    },
    attach(next) {
      consumer = next;
      if (exit !== undefined) {
        const past = exit;
        queueMicrotask(() => next.onExit(past));
      }
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** The operator's sentence about an exit, with the server's last words. */
export function describeExit(exit: ServerExit): string {
  const words =
    exit.lastLines.length === 0 ? '; it wrote nothing to standard error' : `:\n  ${exit.lastLines.join('\n  ')}`;
  return `the server ${exit.reason}${words}`;
}
