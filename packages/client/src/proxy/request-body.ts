/**
 * The body of a local request: one JSON text, whole, and not larger than allowed.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http';
import type { Denial } from './request-guard.ts';

/**
 * Reads the body.
 *
 * @returns the text, or why it is refused: as soon as it is known to be too large.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string | Denial> {
  const tooLarge: Denial = {
    status: 413,
    check: 'proxy.size',
    message: `the body is larger than ${maxBytes} bytes`,
  };
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return tooLarge;
  const chunks: Buffer[] = [];
  let length = 0;
  const whole = await new Promise<boolean>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) return void chunks.push(chunk);
      request.pause();
      resolve(false);
    });
    request.once('end', () => resolve(true)).once('error', reject);
    request.once('close', () => reject(new Error('the client left')));
  });
  if (!whole) return tooLarge;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    return { status: 400, check: 'proxy.utf8', message: 'the body is not UTF-8 text' };
  }
}
