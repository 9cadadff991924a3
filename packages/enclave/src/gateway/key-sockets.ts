/**
 * The sockets that lead from a server process to the key service. The gateway makes them when it starts the
 * process, hands its ends on, and reads none of them.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { KEY_SOCKET } from '@vitrine/keys/client';

/** Who takes the sockets of one process. */
export interface KeySocketTaker {
  /** Which descriptors of the process they are. */
  readonly descriptors: readonly number[];
  /** Takes the one of this descriptor over. Rejects where the process must not run on. */
  take(descriptor: number, socket: Socket): Promise<void>;
}

/**
 * How the key service knows whoever has `descriptor` in a server process: the server by the name of the
 * process, a program beside it, such as a signer, by another.
 */
export function instanceAt(serverProcess: string, descriptor: number): string {
  return descriptor === KEY_SOCKET ? serverProcess : `${serverProcess}.${descriptor}`;
}

/** The server process that an instance belongs to, whose calls are its calls. */
export function serverProcessOf(instance: string): string {
  return instance.split('.', 1)[0] ?? instance;
}

/** What Node keeps of a pipe to a child; there is no public name for it. */
interface PipeHandle {
  readStop(): unknown;
}

/**
 * The other end of the child's `descriptor`, from which nothing has been read or will be before its new
 * owner does. To be called in the same turn of the event loop in which the child was started.
 *
 * Node reads a child's pipes from the start, and what it has read stays in this process; `pause()` would
 * stop it only after the first chunk. So the pipe is taken from the stream that Node made of it, and put
 * into one that does not read by itself.
 */
export function takeSocket(child: ChildProcess, descriptor: number): Socket {
  const stream = child.stdio[descriptor] as (Socket & { _handle?: PipeHandle | null }) | null | undefined;
  const handle = stream?._handle;
  if (stream === null || stream === undefined || handle === null || handle === undefined) {
    throw new Error(`descriptor ${descriptor} of the server is no socket`);
  }
  handle.readStop();
  stream._handle = null;
  // The child counts as closed when its streams are.
  stream.destroy();
  // Neither option is public; the second is how Node itself passes sockets on that nobody has read.
  const options: unknown = { handle, pauseOnCreate: true };
  return new Socket(options as SocketConstructorOpts);
}

/**
 * Hands all sockets of `child` on. Resolves with why the child must not run on, or with nothing; never rejects.
 * The sockets are taken before this returns.
 */
export async function handOn(child: ChildProcess, taker: KeySocketTaker): Promise<string | undefined> {
  const sockets: Socket[] = [];
  try {
    for (const descriptor of taker.descriptors) sockets.push(takeSocket(child, descriptor));
    // Where nobody took it, the server sees that nobody answers.
    for (const socket of sockets) socket.on('error', () => socket.destroy());
    // A child that could not be started says so itself.
    if (child.pid !== undefined)
      await Promise.all(taker.descriptors.map((descriptor, index) => taker.take(descriptor, sockets[index] as Socket)));
    else for (const socket of sockets) socket.destroy();
    return undefined;
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    return error instanceof Error ? error.message : String(error);
  }
}
