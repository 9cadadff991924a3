/**
 * A hosted server of the packed packages, for measuring.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Installation } from '../packed.ts';

export interface Host {
  readonly url: string;
  readonly referenceValues: string;
  stop(): Promise<void>;
}

const SERVER = 'npm:@modelcontextprotocol/server-everything@2026.8.31';

/** Environment of everything that is measured: a state directory of its own. */
export function environmentOf(installation: Installation): Record<string, string> {
  return { ...(process.env as Record<string, string>), VITRINE_HOME: join(installation.directory, 'home') };
}

/** Runs the server and resolves when it is ready. */
export async function host(installation: Installation): Promise<Host> {
  const child: ChildProcess = spawn(
    process.execPath,
    [installation.vitrine, 'run', SERVER, '--listen', '127.0.0.1:0', '--json'],
    {
      cwd: installation.directory,
      env: environmentOf(installation),
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  };
  if (child.stdout === null) throw new Error('no stdout');
  for await (const text of createInterface({ input: child.stdout })) {
    const { url, referenceValues } = JSON.parse(text) as Host;
    return { url, referenceValues, stop };
  }
  throw new Error(`${SERVER} did not start`);
}

/** Runs `vitrine` to its end. */
export async function vitrine(installation: Installation, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [installation.vitrine, ...args], {
    cwd: installation.directory,
    env: environmentOf(installation),
    stdio: 'ignore',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`vitrine ${args.join(' ')} ended with ${code}`);
}
