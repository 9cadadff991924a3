/**
 * Answers that the front door gives by itself, and the headers that every answer carries.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorDocument } from '@vitrine/documents';

/** Set on every response before anything else happens, also on the gateway's. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** Why a request is not served. The message is for the client and never repeats what the client sent. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers with a JSON text, its length given in advance. */
export function sendJson(response: ServerResponse, status: number, json: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(json);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Answers with an error document. Where the rest of the request was not read, the connection ends with it. */
export function sendRefusal(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  for (const [name, value] of Object.entries(refusal.headers ?? {})) response.setHeader(name, value);
  if (!request.complete) {
    response.setHeader('Connection', 'close');
    // What still comes is dropped unread, until the answer is out.
    request.resume();
    response.once('finish', () => request.socket.destroySoon());
  }
  sendJson(response, refusal.status, JSON.stringify(errorDocument(refusal.code, refusal.message)));
}
