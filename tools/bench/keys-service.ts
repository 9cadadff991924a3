/**
 * Calls to a key service that runs, as a hosted server makes them: one process with sockets to it, which has
 * transactions signed when it is told to (`keys-caller.ts`).
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { holdSocket } from '../../packages/keys/src/process/hold-socket.ts';
import type { SpawnedKeyService } from '../../packages/keys/src/process/spawn-keyd.ts';
import type { Sign, Signed } from './keys-caller.ts';
import { CHAIN, PAYEE } from './keys-policy.ts';

export const CALLERS = 16;
export const NODE_OPTIONS: readonly string[] = [
  '--conditions=@vitrine/source',
  '--disable-warning=ExperimentalWarning',
];
const CALLER = fileURLToPath(new URL('keys-caller.ts', import.meta.url));

/** A key service with its callers. */
export interface Subject {
  sign(what: Sign): Promise<Signed>;
  close(): Promise<void>;
}

/** The answer of a process of the bench. @throws Error where it ends instead. */
export async function asked<T>(child: ChildProcess, message: Sign | number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const end = (code: number | null): void => reject(new Error(`a process of the bench ended: ${code}`));
  child.once('message', resolve).once('exit', end);
  child.send(message);
  try {
    return await promise;
  } finally {
    child.off('message', resolve).off('exit', end);
  }
}

/** Ends a process of the bench. */
export async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.disconnect();
  await exit;
}

/** Servers with a socket each, that are one process here. Closes `service`, too. */
export async function callersOf(service: SpawnedKeyService): Promise<Subject> {
  service.attend({ runningTools: () => [], confirm: async () => 'unavailable' });
  const sockets = Array.from({ length: CALLERS }, () => 'pipe' as const);
  const caller = spawn(process.execPath, [...NODE_OPTIONS, CALLER, `${CHAIN}`, PAYEE, `${CALLERS}`], {
    stdio: ['ignore', 'inherit', 'inherit', ...sockets, 'ipc'],
  });
  const ends = caller.stdio.slice(3, 3 + CALLERS) as unknown as readonly Socket[];
  for (const end of ends) holdSocket(end);
  for (const [index, end] of ends.entries()) {
    await service.admit({ id: `i${index}`, principal: `user-${index}`, isolated: true }, end);
  }
  return {
    sign: (what) => asked<Signed>(caller, what),
    close: async () => {
      await ended(caller);
      await service.close();
    },
  };
}
