/**
 * Receives the answer of a sign-in from the browser: a listener on 127.0.0.1 that takes one answer
 * on one path and is gone (RFC 8252, section 7.3).
 *
 * Anything in the browser can send requests here. What is not a plain navigation to the exact
 * address is turned away without ending the wait; what is, must know `state`.
 *
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UsageError } from '@vitrine/documents';
import { RefusedError } from '../errors.ts';

const PATH = '/callback';
const MAX_URL = 8 * 1024;
/** For the page that a person sees at the end. */
const GRACE_MS = 500;

/** The answer's parameters; one of `code` and `error` is there. */
export interface CallbackAnswer {
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly description: string | undefined;
  readonly iss: string | undefined;
}

export interface CallbackServer {
  readonly redirectUri: string;
  /** The answer that carries `state`. The listener closes with it, in any case. */
  answer(state: string, signal: AbortSignal): Promise<CallbackAnswer>;
  close(): void;
}

/**
 * Starts listening.
 *
 * @param port - A fixed port, which must be free.
 * @param preferred - A port to use if it is free, since a registration names it.
 */
export async function startCallbackServer(port: number | undefined, preferred?: number): Promise<CallbackServer> {
  const server = createServer({ maxHeaderSize: 16 * 1024, requestTimeout: 10_000 });
  // Without a route yet, nothing is an answer.
  let route = (_request: IncomingMessage, response: ServerResponse): void => turnAway(response, 404);
  server.on('request', (request, response) => route(request, response));
  await bind(server, port, preferred);
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): void => {
    server.close();
    server.closeIdleConnections();
    // Whoever connected and said nothing must not keep this program running.
    setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
  };
  return {
    redirectUri: `http://${host}${PATH}`,
    close,
    answer(state, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<CallbackAnswer>();
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      let done = false;
      route = (request, response) => {
        const refusal = done ? 404 : notNavigation(request, host);
        if (refusal !== undefined) return turnAway(response, refusal);
        done = true;
        try {
          const answer = readAnswer(new URL(request.url ?? '', `http://${host}`), state);
          page(response, answer.error === undefined ? 200 : 400);
          resolve(answer);
        } catch (error) {
          page(response, 400);
          reject(error);
        }
      };
      return promise.finally(() => {
        signal.removeEventListener('abort', onAbort);
        close();
      });
    },
  };
}

async function bind(server: Server, port: number | undefined, preferred: number | undefined): Promise<void> {
  if (port === undefined && preferred !== undefined && (await listen(server, preferred)) === undefined) return;
  const error = await listen(server, port ?? 0);
  if (error === undefined) return;
  throw new UsageError(
    'sign-in.port',
    `cannot listen on 127.0.0.1:${port ?? 0} for the answer of the sign-in (${error.code}); choose another --callback-port`,
  );
}

function listen(server: Server, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException): void => resolve(error);
    server.once('error', onError).listen(port, '127.0.0.1', () => {
      server.off('error', onError);
      resolve(undefined);
    });
  });
}

/** The status for what cannot be the browser coming back: another path, name or method, or a script. */
function notNavigation(request: IncomingMessage, host: string): number | undefined {
  const { method, headers, url = '' } = request;
  if (headers.host !== host || headers.origin !== undefined) return 403;
  const mode = headers['sec-fetch-mode'];
  if (mode !== undefined && mode !== 'navigate') return 403;
  if (url.length > MAX_URL || url.split('?')[0] !== PATH) return 404;
  return method === 'GET' ? undefined : 405;
}

function readAnswer({ searchParams }: URL, state: string): CallbackAnswer {
  const one = (name: string): string | undefined => {
    const values = searchParams.getAll(name);
    if (values.length > 1) throw new RefusedError('sign-in.callback', `the answer to the sign-in has ${name} twice`);
    return values[0];
  };
  const given = one('state');
  if (given === undefined || !sameText(given, state)) {
    throw new RefusedError(
      'sign-in.state',
      'the answer to the sign-in does not belong to it (wrong state): something else may have sent it. Nothing was exchanged; try again',
    );
  }
  const answer = { code: one('code'), error: one('error'), description: one('error_description'), iss: one('iss') };
  if ((answer.code === undefined) === (answer.error === undefined)) {
    throw new RefusedError('sign-in.callback', 'the answer to the sign-in has neither a code nor an error, or both');
  }
  return answer;
}

/** Compares without telling by its duration how much was right. */
function sameText(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text, 'utf8').digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function turnAway(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close', 'content-length': 0 }).end();
}

function page(response: ServerResponse, status: number): void {
  const said = status === 200 ? 'Signed in' : 'The sign-in failed';
  const next = status === 200 ? 'You can close this window.' : 'Your MCP client says why. You can close this window.';
  const body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Vitrine</title><h1>${said}</h1><p>${next}</p></html>\n`;
  response
    .writeHead(status, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    })
    .end(body);
}
