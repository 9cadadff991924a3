/**
 * Opens a TPM 2.0 by its path: the kernel's character device with a resource manager (`/dev/tpmrm0`), or the Unix
 * socket of an emulator such as swtpm (`--server type=unixio`).
 *
 * A socket has no resource manager, and swtpm serves one connection at a time. So what a former process left loaded
 * in it is removed at opening.
 *
 * @module
 */
import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { concatBytes, VitrineError } from '@vitrine/documents';
import { flushEverything } from './flush.ts';
import {
  MAX_TPM_BYTES,
  type TpmChannel,
  type TpmLimits,
  type TpmTransport,
  transportOver,
  USUAL_TPM_LIMITS,
} from './transport.ts';

/**
 * Opens the TPM at `path`.
 *
 * @throws VitrineError `attester.unavailable` where nothing is there or it may not be used; `attester.busy` where
 *   another program has it alone; `attester.hardware`.
 */
export async function openTpm(path: string, limits: TpmLimits = USUAL_TPM_LIMITS): Promise<TpmTransport> {
  try {
    const found = await stat(path);
    if (found.isCharacterDevice()) return transportOver(deviceChannel(await open(path, constants.O_RDWR)), limits);
    if (found.isSocket()) {
      const transport = transportOver(await socketChannel(path), limits);
      try {
        await flushEverything(transport);
      } catch (cause) {
        await transport.close();
        throw cause;
      }
      return transport;
    }
  } catch (cause) {
    throw explainOpening(path, cause);
  }
  throw new VitrineError('attester.unavailable', `${path} is neither a character device nor a socket, so it is no TPM`);
}

/** The kernel does the whole command within the write, and has the answer for one read. */
export function deviceChannel(handle: Pick<FileHandle, 'write' | 'read' | 'close'>): TpmChannel {
  return {
    async send(command) {
      const { bytesWritten } = await handle.write(command, 0, command.length, null);
      if (bytesWritten !== command.length) {
        throw new Error(`the device took ${bytesWritten} of ${command.length} bytes of a command`);
      }
      const answer = new Uint8Array(MAX_TPM_BYTES);
      const { bytesRead } = await handle.read(answer, 0, answer.length, null);
      return answer.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}

/** A stream: an answer ends where its header says. */
async function socketChannel(path: string): Promise<TpmChannel> {
  const socket = await connected(path);
  let received = new Uint8Array(0);
  let waiting: { resolve(answer: Uint8Array): void; reject(cause: Error): void } | undefined;
  let ended: Error | undefined;

  const end = (cause: Error): void => {
    ended ??= cause;
    waiting?.reject(ended);
    waiting = undefined;
    socket.destroy();
  };
  socket.on('error', end);
  socket.on('close', () => end(new Error('the connection was closed')));
  socket.on('data', (chunk: Uint8Array) => {
    if (waiting === undefined) return end(new Error('it said something without being asked'));
    received = concatBytes(received, chunk);
    const size = received.length < 6 ? undefined : new DataView(received.buffer).getUint32(2);
    // What says to be longer than any answer need not be waited for: it is none.
    const isWhole = size !== undefined && (received.length >= size || size > MAX_TPM_BYTES);
    if (!isWhole && received.length <= MAX_TPM_BYTES) return;
    const answer = received;
    received = new Uint8Array(0);
    const { resolve } = waiting;
    waiting = undefined;
    resolve(answer);
  });

  return {
    send: (command) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        waiting = { resolve, reject };
        socket.write(command);
      }),
    close: async () => end(new Error('the connection was closed')),
  };
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** What to do about an error of the system when a TPM is opened. */
export function explainOpening(path: string, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const unavailable = (why: string): VitrineError => new VitrineError('attester.unavailable', why, { cause });
  switch (code) {
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
    case 'ENOTDIR':
      return unavailable(`no TPM at ${path}: give the machine a TPM 2.0, or name its device or socket`);
    case 'EACCES':
    case 'EPERM':
      return unavailable(
        `no permission for the TPM at ${path}: run as a member of the group that owns it (usually tss: usermod -aG tss USER, then log in again)`,
      );
    case 'ECONNREFUSED':
      return unavailable(`nothing listens at ${path}: start the emulator of the TPM`);
    case 'EBUSY':
      return new VitrineError(
        'attester.busy',
        `another program holds ${path} alone: end it, or use the device with a resource manager, /dev/tpmrm0`,
        { cause },
      );
    default:
      return cause;
  }
}
