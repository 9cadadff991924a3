/**
 * Keeps a socket from being read, so that whoever gets it later loses no byte.
 *
 * Node begins to read the pipes of a child process as soon as the child is started. What it has read by the
 * time the socket is handed to another process would be gone.
 *
 * @module
 */
import type { Socket } from 'node:net';
import { VitrineError } from '@vitrine/documents';

/** Node has no public name for it; `pause()` stops only after a first chunk was read. */
interface Handle {
  reading?: boolean;
  readStop(): unknown;
}

/**
 * Stops reading at once. To be called in the same turn of the event loop in which the child was started.
 *
 * @throws VitrineError (`keys.socket`) for a socket that is closed or was read from.
 */
export function holdSocket(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { readonly _handle?: Handle | null };
  if (handle === undefined || handle === null || typeof handle.readStop !== 'function') {
    throw new VitrineError('keys.socket', 'the socket of a server is closed');
  }
  if (socket.bytesRead > 0) throw new VitrineError('keys.socket', 'somebody has read from the socket of a server');
  handle.readStop();
  handle.reading = false;
}
