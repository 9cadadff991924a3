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
export const VITRINE: readonly [string, string, string] = [
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
  readonly type: string;
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
  /** Starts `vitrine run …`; resolves when it is ready. */
  start(args: readonly string[], listen?: string): Promise<Running>;
  /** Starts `vitrine run …` as for a person, and resolves with the first screen. */
  startForPeople(args: readonly string[]): Promise<{ readonly screen: string; stop(): Promise<Finished> }>;
  environment(): NodeJS.ProcessEnv;
  /** Stops what still runs and removes the files. */
  dispose(): Promise<void>;
}

/**
 * A fresh directory and state directory.
 *
 * @param main - What is run instead of the command line's own main file; for machines that are emulated.
 */
export function workplace(main: string = VITRINE[2]): Workplace {
  const base = mkdtempSync(join(tmpdir(), 'vitrine-test-'));
  const stops = new Set<() => Promise<Finished>>();
  const environment = (): NodeJS.ProcessEnv => ({
    ...process.env,
    VITRINE_HOME: join(base, 'home'),
    HOME: base,
    XDG_CONFIG_HOME: join(base, '.config'),
    APPDATA: join(base, 'AppData'),
    NO_COLOR: '1',
  });
  const launch = (args: readonly string[]): ChildProcess =>
    spawn(VITRINE[0], [VITRINE[1], main, ...args], {
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
    async startForPeople(args) {
      const child = launch(['run', '--listen', '127.0.0.1:0', ...args]);
      const output = collect(child);
      await printed(child, output, 'Ctrl-C stops it.');
      const started = { screen: output().stdout, stop: () => end(child, output) };
      stops.add(started.stop);
      return started;
    },
    async start(args, listen = '127.0.0.1:0') {
      const child = launch(['run', '--listen', listen, '--json', ...args]);
      const output = collect(child);
      await printed(child, output, '\n');
      const ready = JSON.parse(output().stdout) as ReadyLine;
      if (ready.type !== 'vitrine/running/v1') throw new Error(`vitrine did not start: ${output().stdout}`);
      const started: Running = { process: child, ready, output, stop: () => end(child, output) };
      stops.add(started.stop);
      return started;
    },
    async dispose() {
      await Promise.all([...stops].map((stop) => stop()));
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

async function end(child: ChildProcess, output: () => Finished): Promise<Finished> {
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, 'close');
    child.kill('SIGINT');
    await closed;
  }
  return output();
}

/** Resolves when `text` is on stdout. */
function printed(child: ChildProcess, output: () => Finished, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', () => {
      if (output().stdout.includes(text)) resolve();
    });
    child.on('close', (code) =>
      reject(new Error(`vitrine ended with ${code} before it was ready:\n${output().stderr}${output().stdout}`)),
    );
  });
}
