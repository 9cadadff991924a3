/**
 * Runs the command line as a user would: a process of its own, with a state directory of its own.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
/** How to start `vitrine` from source: program and first arguments. */
export const VITRINE: readonly [string, ...string[]] = [
  process.execPath,
  '--conditions=@vitrine/source',
  join(ROOT, 'packages/cli/src/main.ts'),
];

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  /** What `run --json` printed when it was ready. */
  readonly ready: ReadyLine;
  /** Everything printed so far. */
  output(): Finished;
  /** Sends SIGINT and waits for the end. */
  stop(): Promise<Finished>;
}

export interface ReadyLine {
  readonly url: string;
  readonly manifestDigest: string;
  readonly referenceValues: string;
  readonly verify: readonly string[];
  readonly add: readonly string[];
}

export interface Workplace {
  /** VITRINE_HOME of every command that is run here. */
  readonly home: string;
  /** Current directory of every command that is run here. */
  readonly directory: string;
  run(args: readonly string[], input?: string): Promise<Finished>;
  start(args: readonly string[]): Promise<Running>;
  environment(): NodeJS.ProcessEnv;
  /** Stops what still runs and removes the files. */
  dispose(): Promise<void>;
}

/** A fresh directory and state directory. */
export function workplace(): Workplace {
  const base = mkdtempSync(join(tmpdir(), 'vitrine-test-'));
  const running = new Set<Running>();
  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    VITRINE_HOME: join(base, 'home'),
    HOME: base,
    NO_COLOR: '1',
  });
  const launch = (args: readonly string[]): ChildProcess =>
    spawn(VITRINE[0], [...VITRINE.slice(1), ...args], {
      cwd: base,
      env: environment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });

  return {
    home: join(base, 'home'),
    directory: base,
    environment,
    async run(args, input = '') {
      const child = launch(args);
      const output = collect(child);
      child.stdin?.end(input);
      await once(child, 'close');
      return output();
    },
    async start(args) {
      const child = launch(args);
      const output = collect(child);
      const ready = await readyLine(child, output);
      const started: Running = {
        process: child,
        ready,
        output,
        async stop() {
          running.delete(started);
          if (child.exitCode === null && child.signalCode === null) {
            const closed = once(child, 'close');
            child.kill('SIGINT');
            await closed;
          }
          return output();
        },
      };
      running.add(started);
      return started;
    },
    async dispose() {
      await Promise.all([...running].map((one) => one.stop()));
      rmSync(base, { recursive: true, force: true });
    },
  };
}

function collect(child: ChildProcess): () => Finished {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  return () => ({ code: child.exitCode, stdout, stderr });
}

function readyLine(child: ChildProcess, output: () => Finished): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', () => {
      const line = output().stdout.split('\n')[0] ?? '';
      if (!output().stdout.includes('\n')) return;
      try {
        resolve(JSON.parse(line) as ReadyLine);
      } catch {
        reject(new Error(`expected one JSON line, found: ${line}`));
      }
    });
    child.on('close', (code) =>
      reject(new Error(`vitrine ended with ${code} before it was ready:\n${output().stderr}${output().stdout}`)),
    );
  });
}
