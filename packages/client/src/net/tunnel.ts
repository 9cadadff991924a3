/**
 * A TCP connection to a host, direct or through an HTTP proxy by CONNECT (RFC 9110, section 9.3.6).
 * TLS runs inside it, from end to end: a proxy that only forwards sees a name and encrypted bytes.
 *
 * @module
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type LookupFunction, type Socket } from 'node:net';
import { UnreachableError } from '../errors.ts';
import { type ProxyFor, type ProxyServer, proxyName } from './proxy-environment.ts';

export interface TunnelOptions {
  readonly proxyFor: ProxyFor;
  readonly signal: AbortSignal;
  /** Looks names up for direct connections; the system's way by default. A proxy does it by itself. */
  readonly lookup?: LookupFunction;
}

/**
 * Opens a connection to the host and port of `url`. No byte is sent to that host.
 *
 * @throws UnreachableError, with code `network.proxy` where the proxy is the reason; the signal's reason.
 */
export function openTunnel(url: URL, options: TunnelOptions): Promise<Socket> {
  const proxy = options.proxyFor(url);
  return proxy === undefined ? connectDirectly(url, options) : connectThrough(proxy, url, options.signal);
}

/** The port that `url` stands for. */
function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'http:' ? 80 : 443;
}

function connectDirectly(url: URL, { signal, lookup }: TunnelOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: portOf(url),
      ...(lookup === undefined ? {} : { lookup }),
    });
    const settle = (outcome: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect).off('error', onError);
      outcome();
    };
    const giveUp = (error: unknown): void =>
      settle(() => {
        socket.on('error', () => {}).destroy();
        reject(error);
      });
    const onAbort = (): void => giveUp(signal.reason);
    const onError = (cause: NodeJS.ErrnoException): void => giveUp(connectError(url, cause));
    const onConnect = (): void => settle(() => resolve(socket));
    socket.setNoDelay(true).once('connect', onConnect).once('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function connectError(url: URL, cause: NodeJS.ErrnoException): Error {
  if (cause instanceof UnreachableError) return cause;
  return new UnreachableError('network', `cannot connect to ${url.host}: ${cause.code ?? cause.message}`, { cause });
}

function connectThrough(proxy: ProxyServer, url: URL, signal: AbortSignal): Promise<Socket> {
  const authority = `${url.hostname}:${portOf(url)}`;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request: ClientRequest = (proxy.secure ? httpsRequest : httpRequest)({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: authority,
      headers: {
        host: authority,
        ...(proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization }),
      },
      agent: false,
      // Said, since NODE_TLS_REJECT_UNAUTHORIZED decides where it is not. Plain HTTP does not know it.
      ...(proxy.secure ? { rejectUnauthorized: true } : {}),
      signal,
    });
    request.on('error', (cause: NodeJS.ErrnoException) => {
      if (signal.aborted) return reject(signal.reason);
      const why = `the proxy ${proxyName(proxy)} cannot be reached or does not speak HTTP: ${cause.code ?? 'broken answer'}`;
      reject(new UnreachableError('network.proxy', `${why}. Check HTTPS_PROXY, or list ${url.hostname} in NO_PROXY`));
    });
    request.on('connect', (response: IncomingMessage, socket: Socket, head: Buffer) => {
      const refusal = proxyRefusal(proxy, url, response.statusCode ?? 0, head);
      if (refusal !== undefined) {
        socket.on('error', () => {}).destroy();
        return reject(refusal);
      }
      socket.setNoDelay(true);
      resolve(socket);
    });
    request.on('response', (response: IncomingMessage) => {
      response.destroy();
      reject(proxyRefusal(proxy, url, response.statusCode ?? 0, Buffer.alloc(0)));
    });
    request.end();
  });
}

function proxyRefusal(proxy: ProxyServer, url: URL, status: number, head: Buffer): UnreachableError | undefined {
  const name = proxyName(proxy);
  const refuse = (message: string): UnreachableError => new UnreachableError('network.proxy', message);
  // In TLS the client speaks first: whatever is there already did not come from the server.
  if (status === 200 && head.length > 0) return refuse(`the proxy ${name} sent bytes of its own into the tunnel`);
  if (status === 200) return undefined;
  if (status === 407) {
    const fix = 'write them into HTTPS_PROXY (http://user:password@host:port)';
    return refuse(`the proxy ${name} wants a user name and password, or others than it was given (407); ${fix}`);
  }
  if (status === 401 || status === 403 || status === 405) {
    return refuse(`the proxy ${name} does not allow connections to ${url.host} (${status}); ask its owner to allow it`);
  }
  return refuse(`the proxy ${name} could not connect to ${url.host} (${status})`);
}
