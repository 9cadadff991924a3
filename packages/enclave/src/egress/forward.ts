/**
 * One HTTP request of a server, sent on over a connection that has been made for it, and the answer to it.
 *
 * No redirect is followed, and nothing is kept.
 *
 * Specification: RFC 9110, section 7.6; RFC 9112.
 *
 * @module
 */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { endToEnd } from './headers.ts';

export interface ForwardOptions {
  /** Used up by it. */
  readonly connection: Duplex;
  readonly path: string;
  /** Complete but for what the connection needs. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Whether a header of the answer may go to the server. */
  readonly mayAnswer?: (name: string, value: string) => boolean;
}

/** @throws Error where the request cannot be made; nothing has been answered then. */
export function forwardRequest(request: IncomingMessage, response: ServerResponse, options: ForwardOptions): void {
  const { connection, path, headers, mayAnswer = () => true } = options;
  // Whatever becomes of the request, and also where it is over already.
  if (response.destroyed) {
    connection.destroy();
    return;
  }
  response.once('close', () => connection.destroy());
  const outgoing = httpRequest({
    createConnection: () => connection,
    method: request.method ?? 'GET',
    path,
    headers: {
      ...headers,
      connection: 'close',
      ...framingOf(request),
    },
  });
  const fail = (): void => {
    outgoing.destroy();
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { Connection: 'close' }).end();
  };
  outgoing.on('response', (answer) => {
    const { statusCode: status = 0 } = answer;
    // Node reads numbers that it does not write.
    if (status < 200 || status > 599) return fail();
    response.writeHead(status, allowed(endToEnd(answer.rawHeaders), mayAnswer));
    // The answer may break off in the middle, which must not look like its end.
    answer.on('error', () => response.destroy()).pipe(response);
  });
  // Only a tunnel can become another protocol.
  outgoing.on('upgrade', fail);
  outgoing.on('error', fail);
  request.pipe(outgoing);
}

/**
 * Where the body ends, as it was read here. Without it, Node would write the body of a method that normally has
 * none as though it were a further request, so a sender must not be able to have it left out.
 */
function framingOf({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  if (headers['transfer-encoding'] !== undefined) return { 'transfer-encoding': 'chunked' };
  const { 'content-length': length } = headers;
  return length === undefined ? {} : { 'content-length': length };
}

function allowed(
  headers: Readonly<Record<string, readonly string[]>>,
  mayAnswer: (name: string, value: string) => boolean,
): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, values]): (readonly [string, string[]])[] => {
      const kept = values.filter((value) => mayAnswer(name, value));
      return kept.length === 0 ? [] : [[name, kept]];
    }),
  );
}
