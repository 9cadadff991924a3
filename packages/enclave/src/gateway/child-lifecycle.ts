/**
 * One child process from its start to the end of its process group, whatever is spoken with it: what it
 * prints as log, its last words, its exit with a reason, and ways to end it. What it may print is bounded
 * as in `conduct.ts`.
 *
 * @module
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import type { House } from '../housing/housing.ts';
import { type Conduct, createConduct, type Misconduct } from './conduct.ts';
import { handOn, type KeySocketTaker } from './key-sockets.ts';
import type { GatewayLimits } from './limits.ts';
import { createLineSplitter, type LineSplitter } from './line-splitter.ts';
import { adopt, release, signalGroup } from './process-group.ts';
import type { ServerExit } from './server-contract.ts';

export interface ChildOptions {
  readonly house: House;
  readonly limits: GatewayLimits;
  /** Reads standard output; absent: it is log like standard error. */
  readonly output?: (may: ChildReader) => LineSplitter;
  /** Gets lines of log. */
  readonly onServerLog: (line: string) => void;
  /** Absent: the house has no sockets to the key service. */
  readonly keySockets?: KeySocketTaker;
  /** Called once. */
  readonly onExit: (exit: ServerExit) => void;
}

/** What the reader of standard output may do. */
export interface ChildReader {
  readonly conduct: Conduct;
  readonly kill: (reason: string) => void;
  /** Ends the child where there is a reason to. */
  readonly enforce: (misconduct: Misconduct) => void;
  /** Logs a line, but no faster than a child may log. */
  readonly log: (line: string) => void;
}

export interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly conduct: Conduct;
  readonly exited: Promise<ServerExit>;
  isAlive(): boolean;
  /** Ends it at once; `reason` is what its exit says then. */
  kill(reason: string): void;
  /** Its input or output is gone: it has `stopMs` to end by itself. */
  expectExit(): void;
  /**
   * Closes its input, then SIGTERM (with `soon`: both at once), then SIGKILL. Resolves when its house is
   * empty. Idempotent.
   */
  stop(how?: 'soon' | 'input-first'): Promise<void>;
}

// Enough to hold a stack trace; a line of log beyond 8 KiB is data that does not belong there.
const KEPT_LINES = 20;
const LOG_LINE_BYTES = 8 * 1024;
// After the process itself has gone, its output may be held open by a helper that left the group.
const DRAIN_MS = 500;

/** Never throws for a missing command: that is an exit with its own reason. */
export function startChild({ house, limits, output, keySockets, onServerLog, onExit }: ChildOptions): Child {
  const { stopMs } = limits;
  const child = house.start();
  adopt(child);
  if (keySockets !== undefined) {
    void handOn(child, keySockets).then((why) => {
      if (why === undefined) return;
      onServerLog(`gateway: the key service refused a server: ${why}`);
      kill('was ended because the key service did not take its socket');
    });
  }

  const conduct = createConduct(limits, () => performance.now());
  const lastLines: string[] = [];
  let exit: ServerExit | undefined;
  let ownReason: string | undefined;
  let impatience: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;
  let disposed: Promise<void> | undefined;
  const { promise: exited, resolve: resolveExited } = Promise.withResolvers<ServerExit>();

  const logLines = (stream: string): LineSplitter =>
    createLineSplitter(
      LOG_LINE_BYTES,
      (line) => {
        lastLines.push(line);
        if (lastLines.length > KEPT_LINES) lastLines.shift();
        log(line);
      },
      () => log(`${stream}: a line longer than ${LOG_LINE_BYTES} bytes was left out`),
    );
  const spoken = output?.({ conduct, kill, enforce, log }) ?? logLines('standard output');
  const errors = logLines('standard error');

  function log(line: string): void {
    if (!conduct.mayLog(line.length)) return;
    noteLeftOut();
    onServerLog(line);
  }

  function noteLeftOut(): void {
    const leftOut = conduct.takeLeftOut();
    if (leftOut > 0) onServerLog(`${leftOut} lines were left out here: the server writes too fast`);
  }

  function kill(reason: string): void {
    if (ownReason !== undefined) return;
    ownReason = reason;
    signalGroup(child, 'SIGKILL');
  }

  function enforce(misconduct: Misconduct): void {
    if (misconduct !== undefined) kill(misconduct);
  }

  function expectExit(): void {
    if (stopping !== undefined) return;
    impatience ??= setTimeout(kill, stopMs, 'was ended because it closed its standard input or output');
  }

  /** What a child that is being killed still says is not worth the work. */
  function reading(counted: (bytes: number) => Misconduct, lines: LineSplitter): (chunk: Buffer) => void {
    return (chunk) => {
      if (ownReason !== undefined) return;
      enforce(counted(chunk.length));
      lines.push(chunk);
    };
  }

  function finish(reason: string): void {
    if (exit !== undefined) return;
    clearTimeout(impatience);
    if (ownReason === undefined) spoken.end();
    errors.end();
    noteLeftOut();
    exit = { reason: house.verdict() ?? reason, lastLines };
    release(child);
    disposed = house.dispose();
    resolveExited(exit);
    onExit(exit);
  }

  child.stdout.on('data', reading(output === undefined ? conduct.errors : conduct.output, spoken));
  child.stderr.on('data', reading(conduct.errors, errors));
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => undefined);
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

  async function stop(how: 'soon' | 'input-first'): Promise<void> {
    child.stdin.end();
    if (how === 'input-first' && (await endsWithin(stopMs))) return;
    signalGroup(child, 'SIGTERM');
    if (await endsWithin(stopMs)) return;
    signalGroup(child, 'SIGKILL');
    await exited;
  }

  return {
    process: child,
    conduct,
    exited,
    isAlive: () => exit === undefined && child.exitCode === null && child.signalCode === null,
    kill,
    expectExit,
    stop(how = 'soon') {
      stopping ??= stop(how).then(() => disposed);
      return stopping;
    },
  };
}
