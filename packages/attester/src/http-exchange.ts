/**
 * One bounded HTTP/1.1 request to a service that a platform offers: a guest agent on a Unix socket, a local REST
 * service, a key broker elsewhere.
 *
 * It is no general client. Every request has a limit of bytes and of time; no redirect is followed, nothing is
 * cached, no cookie is kept, no connection is used twice, and a status other than 2xx is always an error. Where a URL
 * is reached through a relay on a Unix socket, TLS ends here, with the name in the URL, so that the relay sees
 * ciphertext alone.
 *
 * @module
 */
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { UsageError, VitrineError } from '@vitrine/documents';

export type Endpoint =
  /** A Unix socket. */
  | { readonly kind: 'unix'; readonly path: string }
  /** Without TLS: inside one TEE alone. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | UrlEndpoint;

export interface UrlEndpoint {
  readonly kind: 'url';
  /** `https://` or `http://`; its path is put before that of each request. */
  readonly url: string;
  /** The Unix socket of a relay that connects to the URL's host. */
  readonly socketPath?: string;
  /** Certificates in PEM, of which one must have issued the server's, instead of those that Node ships. */
  readonly authorities?: readonly string[];
}

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  /** Absolute, with its query, encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A JSON text. */
  readonly json?: string;
  /** Most bytes of an answer. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Names the service in errors, such as `the dstack guest agent`. */
  readonly service: string;
  /** Makes the error for a status from 400 on that is neither 429 nor 503. It must not quote what is secret. */
  readonly refused: (status: number, body: Uint8Array<ArrayBuffer>) => VitrineError;
}

export interface ExchangeAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Errno values that mean that nobody is there to ask. */
const ABSENT: readonly string[] = [
  'ECONNREFUSED',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EACCES',
  'EPERM',
  'ENOTSOCK',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
];

/**
 * Sends one request and reads the whole answer.
 *
 * @throws VitrineError `attester.unavailable` where nobody answers there, `attester.busy` where the service has no time
 *   (429, 503, or nothing within the time), `attester.hardware` for everything else that is not an answer; what
 *   `refused` makes, for a refusal. UsageError `attester.endpoint` for an endpoint that cannot be one.
 */
export async function exchange(endpoint: Endpoint, request: ExchangeRequest): Promise<ExchangeAnswer> {
  const { target, secure, name, prefix } = targetOf(endpoint);
  const signal = AbortSignal.timeout(request.timeoutMs);
  const body = request.json === undefined ? undefined : new TextEncoder().encode(request.json);
  const options: RequestOptions = {
    ...target,
    method: request.method,
    path: `${prefix}${request.path}`,
    headers: {
      host: name,
      accept: '*/*',
      ...request.headers,
      // Characters are not bytes: a length of characters cuts off whatever is not ASCII.
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(body.byteLength) }),
    },
    agent: false,
    signal,
  };
  try {
    const answer = await send(options, secure, body, request);
    return requireAccepted(answer, request);
  } catch (cause) {
    throw explained(cause, endpoint, request, signal);
  }
}

function send(
  options: RequestOptions,
  secure: boolean,
  body: Uint8Array | undefined,
  { maxBytes, service }: ExchangeRequest,
): Promise<ExchangeAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = (secure ? requestHttps : requestHttp)(options);
    outgoing.on('error', reject);
    outgoing.on('response', (incoming: IncomingMessage) => {
      const chunks: Uint8Array[] = [];
      let length = 0;
      incoming.on('error', reject);
      incoming.on('data', (chunk: Uint8Array) => {
        length += chunk.length;
        if (length <= maxBytes) {
          chunks.push(chunk);
          return;
        }
        // First: what already arrived could end the answer before the connection ends.
        reject(failed(`${service} answered with more than ${maxBytes} bytes`));
        outgoing.destroy();
      });
      incoming.on('end', () => {
        if (!incoming.complete) return reject(failed(`${service} broke off in the middle of its answer`));
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headersDistinct,
          body: Uint8Array.from(Buffer.concat(chunks)),
        });
      });
    });
    outgoing.end(body);
  });
}

function requireAccepted(answer: ExchangeAnswer, { service, refused }: ExchangeRequest): ExchangeAnswer {
  const { status, headers, body } = answer;
  if (status === 429 || status === 503) {
    throw new VitrineError('attester.busy', `${service} has no time (HTTP status ${status}); try again later`);
  }
  if (status >= 400) throw refused(status, body);
  if (status < 200 || status >= 300) {
    throw failed(
      `${service} answered with HTTP status ${status}, and neither redirects nor other roundabout answers are followed`,
    );
  }
  const encoding = headers['content-encoding']?.join(', ') ?? 'identity';
  if (encoding !== 'identity') throw failed(`${service} encoded its answer, which was not asked for`);
  return answer;
}

interface Target {
  readonly target: RequestOptions & {
    readonly servername?: string;
    readonly ca?: string[];
    readonly minVersion?: 'TLSv1.2';
  };
  readonly secure: boolean;
  /** The `Host` of the request. */
  readonly name: string;
  /** What is put before its path. */
  readonly prefix: string;
}

function targetOf(endpoint: Endpoint): Target {
  switch (endpoint.kind) {
    case 'unix':
      return { target: { socketPath: endpoint.path }, secure: false, name: 'localhost', prefix: '' };
    case 'tcp': {
      const { host, port } = endpoint;
      return {
        target: { host, port },
        secure: false,
        name: `${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
        prefix: '',
      };
    }
    case 'url':
      return urlTarget(endpoint);
  }
}

function urlTarget({ url, socketPath, authorities }: UrlEndpoint): Target {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const secure = parsed?.protocol === 'https:';
  if (parsed === undefined || (!secure && parsed.protocol !== 'http:')) {
    throw new UsageError('attester.endpoint', 'expected the URL of a service, which begins with https:// or http://');
  }
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new UsageError('attester.endpoint', 'the URL of a service has no user, password, query or fragment');
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const reached =
    socketPath === undefined ? { ...(parsed.port === '' ? {} : { port: Number(parsed.port) }) } : { socketPath };
  return {
    target: {
      ...reached,
      host,
      // The name in the certificate must be that of the URL, whoever carries the bytes; addresses have no SNI.
      ...(secure ? { servername: isIP(host) === 0 ? host : '', minVersion: 'TLSv1.2' as const } : {}),
      ...(secure && authorities !== undefined ? { ca: [...authorities] } : {}),
    },
    secure,
    name: parsed.host,
    prefix: parsed.pathname.replace(/\/+$/, ''),
  };
}

/** How an endpoint is called in an error. URLs here carry neither user nor query, so nothing in them is secret. */
export function showEndpoint(endpoint: Endpoint): string {
  switch (endpoint.kind) {
    case 'unix':
      return endpoint.path;
    case 'tcp':
      return `${endpoint.host}:${endpoint.port}`;
    case 'url':
      return endpoint.url;
  }
}

function explained(cause: unknown, endpoint: Endpoint, request: ExchangeRequest, signal: AbortSignal): unknown {
  if (cause instanceof VitrineError) return cause;
  const { service, timeoutMs } = request;
  if (signal.aborted) {
    return new VitrineError(
      'attester.busy',
      `${service} at ${showEndpoint(endpoint)} did not finish an answer within ${timeoutMs} ms; try again later`,
    );
  }
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'unknown';
  if (ABSENT.includes(code)) {
    return new VitrineError(
      'attester.unavailable',
      `${service} is not at ${showEndpoint(endpoint)} (${code}); look whether it runs, and whether its socket or port is given to this process`,
    );
  }
  if (code === 'ECONNRESET' && endpoint.kind === 'url' && endpoint.socketPath !== undefined) {
    return new VitrineError(
      'attester.unavailable',
      `${service} at ${endpoint.url} cannot be reached, or broke off; look whether it runs there`,
    );
  }
  if (/^(?:ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_SSL|EPROTO)/.test(code)) {
    return new VitrineError(
      'attester.unavailable',
      `${service} at ${showEndpoint(endpoint)} does not show a certificate that is trusted for its name (${code}); give the certificate of its authority`,
    );
  }
  return failed(`${service} at ${showEndpoint(endpoint)} does not speak HTTP as expected, or broke off (${code})`);
}

function failed(message: string): VitrineError {
  return new VitrineError(
    'attester.hardware',
    `${message}; restart it, and report it to whoever runs the platform if it stays`,
  );
}
