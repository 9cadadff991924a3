/**
 * Small JSON requests to the front door's own endpoints: a POST whose length is given in advance and bounded.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http';
import type { Refusal } from './responses.ts';

/** What can be refused before the body is read. */
export function headRefusal(request: IncomingMessage, maxBytes: number): Refusal | undefined {
  if (request.method !== 'POST') {
    return { status: 405, code: 'request.method', message: 'only POST is served here', headers: { Allow: 'POST' } };
  }
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': coding } = request.headers;
  if (type?.toLowerCase() !== 'application/json') {
    return { status: 415, code: 'request.type', message: 'Content-Type must be application/json' };
  }
  if (coding !== undefined || length === undefined || !/^[0-9]+$/.test(length)) {
    return { status: 411, code: 'request.length', message: 'Content-Length is required, and no Transfer-Encoding' };
  }
  if (Number(length) > maxBytes) {
    return { status: 413, code: 'request.length', message: `the body may have at most ${maxBytes} bytes` };
  }
  return undefined;
}

/** The whole body; Node delivers exactly as many bytes as Content-Length said. `undefined`: it ended early. */
export async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } catch {
    return undefined;
  }
}

/** Its text. @throws TypeError for what is not UTF-8, a byte order mark included. */
export function textOf(body: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
}

/** A refusal of what was sent, without repeating it. */
export function malformed(message: string): Refusal {
  return { status: 400, code: 'request.malformed', message };
}
