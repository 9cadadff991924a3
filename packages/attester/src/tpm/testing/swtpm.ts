/**
 * A TPM 2.0 in software, for tests: Debian's `swtpm` on a Unix socket, as a child process of the test.
 *
 * A power cycle is the end of the process and the start of another one on the same state: registers are reset, keys
 * and NV indexes are kept.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Swtpm {
  /** Of the socket that takes commands; the same after a power cycle. */
  readonly path: string;
  /**
   * Ends it and starts it again on the same state. Connections are lost. Where nobody else has a connection, it is
   * shut down first, as a kernel does; else the power is cut, and the TPM says that its clock is not safe.
   */
  powerCycle(): Promise<void>;
  /** A copy of its state, as whoever runs it can keep one. */
  snapshot(): Promise<Snapshot>;
  /** Ends it, puts the state back, and starts it again. */
  restore(snapshot: Snapshot): Promise<void>;
  /** Ends it and removes its state. Idempotent. */
  stop(): Promise<void>;
}

interface Snapshot {
  readonly directory: string;
}

const SHUTDOWN_MS = 1000;

/** Why `swtpm` cannot be used here, for the name of a skipped test; false where it can. */
export function missingSwtpm(): string | false {
  if (process.platform !== 'linux') return 'swtpm runs under Linux';
  const isThere = (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'swtpm'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere ? false : 'swtpm is not installed';
}

/** Starts a TPM with fresh state. */
export async function startSwtpm(): Promise<Swtpm> {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'vitrine-tpm-')));
  const state = join(base, 'state');
  const path = join(base, 'tpm.sock');
  mkdirSync(state);
  let snapshots = 0;
  let child = await launch(base, state, path);
  let isStopped = false;

  const restart = async (): Promise<void> => {
    child = await launch(base, state, path);
  };
  return {
    path,
    async powerCycle() {
      await shutDown(path);
      await end(child);
      await restart();
    },
    async snapshot() {
      await shutDown(path);
      await end(child);
      const directory = join(base, `snapshot-${snapshots++}`);
      cpSync(state, directory, { recursive: true });
      await restart();
      return { directory };
    },
    async restore({ directory }) {
      await end(child);
      rmSync(state, { recursive: true });
      cpSync(directory, state, { recursive: true });
      await restart();
    },
    async stop() {
      if (isStopped) return;
      isStopped = true;
      await end(child);
      rmSync(base, { recursive: true, force: true });
    },
  };
}

async function launch(base: string, state: string, path: string): Promise<ChildProcess> {
  rmSync(path, { force: true });
  const child = spawn(
    'swtpm',
    [
      'socket',
      '--tpm2',
      '--server',
      `type=unixio,path=${path}`,
      '--ctrl',
      `type=unixio,path=${join(base, 'ctrl.sock')}`,
      '--tpmstate',
      // A relative path shows up as failure mode of the TPM.
      `dir=${state}`,
      '--flags',
      'startup-clear',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  // A test run that is given up must not leave it behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  for (let attempt = 0; attempt < 500; attempt++) {
    if (child.exitCode !== null) throw new Error(`swtpm ended: ${said}`);
    if (existsSync(path) && (await answers(path))) return child;
    await sleep(10);
  }
  await end(child);
  throw new Error(`swtpm does not listen: ${said}`);
}

/** It takes one connection after the other, so one that is closed at once does no harm. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** TPM2_Shutdown(CLEAR). A connection that another one keeps from being served gets no answer. */
function shutDown(path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const timer = setTimeout(() => socket.destroy(), SHUTDOWN_MS);
    socket.once('connect', () => socket.write(Buffer.from('80010000000c000001450000', 'hex')));
    socket.once('data', () => socket.destroy());
    socket.once('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
