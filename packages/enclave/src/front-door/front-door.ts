/**
 * The front door: the only thing that listens. TLS 1.3 with the key that was made at this boot, HTTP/1.1,
 * and few paths: the attest endpoint, MCP, two for health, and where the manifest wants any, one for sealed
 * secrets and one for hand-overs of the application root.
 *
 * No session is ever resumed: a resumed connection shows no certificate and would skip what the client
 * checks. It writes no log: paths, headers and bodies are user data. Who may call is the guard's business.
 *
 * @module
 */
import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { EvidenceService, InstanceIdentity } from '@vitrine/attester';
import { HANDOVER_PATH, type KeyService } from '@vitrine/keys/client';
import type { ListenSettings } from '../config/settings.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { RateLimits } from '../guard/rates.ts';
import { RESOURCE_METADATA_PATH } from '../guard/resource-metadata.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type AdmissionLimits, createAdmission, DEFAULT_ADMISSION } from './admission.ts';
import { ATTEST_PATH, attest } from './attest-endpoint.ts';
import { createDoorGuard, type DoorAuth } from './door-guard.ts';
import { HANDOVER_ADMISSION, type HandoverOptions, handoverEndpoint } from './handover-endpoint.ts';
import { hostInUrl, listen } from './listen.ts';
import { allowedHosts, requestRefusal } from './request-rules.ts';
import { type Refusal, SECURITY_HEADERS, sendJson, sendRefusal } from './responses.ts';
import { SECRETS_PATH, takeSecret } from './secrets-endpoint.ts';

export type HealthState = 'starting' | 'ready' | 'draining';

export interface FrontDoorOptions {
  readonly identity: InstanceIdentity;
  readonly evidence: Pick<EvidenceService, 'channel'>;
  readonly listen: ListenSettings;
  /** Who is let in. */
  readonly auth: DoorAuth;
  /** Takes sealed secrets; absent: none are wanted. */
  readonly acceptSecret?: KeyService['acceptSecret'];
  /** Hands the application root over; absent: to nobody. */
  readonly handover?: HandoverOptions;
  /** Gets every request to `/mcp` of somebody who was let in, while the state is not `starting`. */
  readonly handle: Gateway['handle'];
  readonly state: () => HealthState;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly limits?: Partial<FrontDoorLimits>;
  readonly telemetry?: Telemetry;
}

/** Counts and milliseconds. */
export interface FrontDoorLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly handshakeMs: number;
  readonly headersMs: number;
  /** To receive a whole request; event streams are answers and not bound by it. */
  readonly requestMs: number;
  /** Clients keep attested connections this long rather than attest a new one. */
  readonly keepAliveMs: number;
  readonly attest: AdmissionLimits;
  readonly secrets: AdmissionLimits;
  readonly handover: AdmissionLimits;
  /** Of each principal, and of each address. */
  readonly requests: RateLimits;
}

/** Where the manifest says nothing. */
export const DEFAULT_REQUESTS: RateLimits = { perMinute: 600_000, concurrent: 512, remembered: 4096 };

const DEFAULT_LIMITS: FrontDoorLimits = {
  connections: 1024,
  connectionsPerAddress: 128,
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 15 * 60_000,
  attest: DEFAULT_ADMISSION,
  secrets: { ...DEFAULT_ADMISSION, burst: 32, perSecond: 1 },
  handover: HANDOVER_ADMISSION,
  requests: DEFAULT_REQUESTS,
};

export interface FrontDoor {
  /** Where clients reach the MCP endpoint. */
  readonly url: string;
  readonly port: number;
  /** Takes no further connections and gives up those that are idle; running requests go on. */
  stopAccepting(): void;
  /** Ends every connection. Idempotent. */
  close(): Promise<void>;
}

/** Bearer tokens with many claims need room; nothing needs more. */
const MAX_HEADER_BYTES = 16 * 1024;
const MCP_PATH = '/mcp';

/**
 * Opens the door.
 *
 * @throws UsageError with code `listen.in-use`, `listen.denied` or `listen.address`.
 */
export async function openFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const limits: FrontDoorLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const admit = createAdmission(limits.attest, options.now);
  const admitSecret = createAdmission(limits.secrets, options.now);
  const admitHandover = createAdmission(limits.handover, options.now);
  const guard = createDoorGuard(options.auth, limits.requests, options.now, options.telemetry);
  const leafSpki = options.identity.spkiSha256;
  let hosts: ReadonlySet<string> = new Set();

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const refusal = requestRefusal(request, hosts);
    const [path] = (request.url ?? '').split('?', 1);
    if (refusal !== undefined) sendRefusal(request, response, refusal);
    else if (path === ATTEST_PATH) {
      await attest(request, response, { evidence: options.evidence, leafSpki, admit });
      options.telemetry?.attestation(response.statusCode);
    } else if (path === SECRETS_PATH && options.acceptSecret !== undefined) {
      await takeSecret(request, response, { accept: options.acceptSecret, admit: admitSecret });
    } else if (path === HANDOVER_PATH && options.handover !== undefined) {
      await handoverEndpoint(request, response, { ...options.handover, admit: admitHandover });
    } else if (path === MCP_PATH && options.state() === 'starting') sendRefusal(request, response, STARTING);
    else if (path === MCP_PATH) await guard.letIn(request, response, options.handle);
    else if (path === RESOURCE_METADATA_PATH) guard.sendMetadata(request, response);
    else if (path === '/healthz' || path === '/readyz') sendHealth(path, request, response, options.state());
    else sendRefusal(request, response, NOTHING_HERE);
  }

  const server = createServer(
    {
      key: options.identity.privateKeyPem,
      cert: options.identity.certificatePem,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256',
      secureOptions: constants.SSL_OP_NO_TICKET,
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: limits.handshakeMs,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(limits.headersMs, 5_000),
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
    },
    (request, response) => {
      // A failure while answering is told to the client alone; the request's content is in its message.
      route(request, response).catch(() => response.destroy());
    },
  );
  server.maxConnections = limits.connections;
  // Node would drop headers beyond its count without a word; the rules count them instead.
  server.maxHeadersCount = 0;

  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (perAddress.get(address) ?? 0) + 1;
    if (count > limits.connectionsPerAddress) {
      socket.destroy();
      return;
    }
    perAddress.set(address, count);
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.isSessionReused() || socket.getProtocol() !== 'TLSv1.3') socket.destroy();
  });
  // Whoever speaks plain HTTP, older TLS or no TLS at all.
  server.on('tlsClientError', (_, socket) => socket.destroy());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseBytes(error, socket));
  const refuseExpectation = (request: IncomingMessage, response: ServerResponse): void => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    sendRefusal(request, response, { status: 417, code: 'request.expect', message: 'no expectation can be met' });
  };
  server.on('checkContinue', refuseExpectation);
  server.on('checkExpectation', refuseExpectation);
  server.on('connect', (_, socket) => socket.end(BAD_REQUEST));
  server.on('upgrade', (_, socket) => socket.end(BAD_REQUEST));

  const port = await listen(server, options.listen);
  hosts = allowedHosts(port, [`${hostInUrl(options.listen.host)}:${port}`, ...options.listen.publicHosts]);

  let closed: Promise<void> | undefined;
  const stopAccepting = (): void => {
    closed ??= new Promise((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
  };
  return {
    url: `https://${hostInUrl(options.listen.host)}:${port}${MCP_PATH}`,
    port,
    stopAccepting,
    async close() {
      stopAccepting();
      server.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const STARTING: Refusal = {
  status: 503,
  code: 'starting',
  message: 'the server is starting',
  headers: { 'Retry-After': '1' },
};
const NOTHING_HERE: Refusal = { status: 404, code: 'request.path', message: 'there is nothing here' };
const READ_ONLY: Refusal = {
  status: 405,
  code: 'request.method',
  message: 'only GET and HEAD are served here',
  headers: { Allow: 'GET, HEAD' },
};
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

function sendHealth(
  path: '/healthz' | '/readyz',
  request: IncomingMessage,
  response: ServerResponse,
  state: HealthState,
): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') sendRefusal(request, response, READ_ONLY);
  else if (path === '/healthz') sendJson(response, 200, '{"status":"alive"}');
  else if (state === 'ready') sendJson(response, 200, '{"status":"ready"}');
  else sendRefusal(request, response, { status: 503, code: state, message: `the server is ${state}` });
}

/** Answers what is not HTTP, where there is still somebody to answer. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex): void {
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : error.code?.startsWith('HPE_') === true
          ? '400 Bad Request'
          : undefined;
  if (status === undefined || !socket.writable) socket.destroy();
  else socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}
