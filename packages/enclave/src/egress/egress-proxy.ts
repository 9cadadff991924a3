/**
 * The one way out of the sandbox: an HTTP proxy on a Unix socket, outside of it. CONNECT for everything
 * over TLS, and absolute-form requests for plain HTTP. Requests to hosts that get a credential are made in
 * plain HTTP to this proxy, which adds it and makes the TLS connection; nothing is tunnelled to them.
 *
 * Names are resolved here. Every address that a name has is judged, and the connection goes to one that
 * was judged: a second answer of the name server changes nothing. No tunnel is decrypted, and of refusals
 * only the destination is logged: by name where the manifest names it, since other names are the server's
 * own words.
 *
 * Specification: RFC 9110, sections 7.1 and 9.3.6; RFC 9112, section 3.2.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { addressRefusal } from './addresses.ts';
import { type Destination, type EgressRule, isAllowed, parseAuthority } from './allow-list.ts';
import { type CredentialTarget, credentialEgress, type EgressCredentials } from './credential-egress.ts';
import { fewLines } from './few-lines.ts';
import { forwardRequest } from './forward.ts';
import { endToEnd } from './headers.ts';
import { inTime } from './in-time.ts';

export interface EgressOptions {
  /** Path of the Unix socket to listen on. */
  readonly socket: string;
  readonly rules: readonly EgressRule[];
  /** Hosts that are reached with a credential only; none of them is named by `rules`. */
  readonly credentials?: EgressCredentials;
  /** All addresses of a name; rejects where there is none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Why an address must not be connected to; {@link addressRefusal} unless a test says otherwise. */
  readonly refusal?: (address: string) => string | undefined;
  /** Whether `onRefusal` hears names that no rule names. */
  readonly tellsDestinations: boolean;
  /** One line for each refusal: destination and reason, never content. Of very many, how many there were. */
  readonly onRefusal: (line: string) => void;
  readonly limits?: Partial<EgressLimits>;
  /** Monotonic milliseconds; those of this process unless a test says otherwise. */
  readonly now?: () => number;
}

/** Counts and milliseconds. */
interface EgressLimits {
  readonly connections: number;
  /** To resolve and connect. */
  readonly connectMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
}

const DEFAULT_LIMITS: EgressLimits = { connections: 64, connectMs: 15_000, idleMs: 10 * 60_000 };
const MAX_HEADER_BYTES = 16 * 1024;

/** What went to one destination. */
export interface EgressCount {
  connections: number;
  refused: number;
  /** Bytes that the server sent. */
  sent: number;
  received: number;
}

export interface EgressProxy {
  /** By `host:port`; what could not be read as a destination counts under `invalid`. */
  counts(): ReadonlyMap<string, Readonly<EgressCount>>;
  /** Ends every connection. Idempotent. */
  close(): Promise<void>;
}

/** More destinations than a manifest names cannot be counted, so that refusals cost no memory. */
const MAX_COUNTED = 256;

/** Starts listening. */
export async function openEgressProxy(options: EgressOptions): Promise<EgressProxy> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const refusal = options.refusal ?? addressRefusal;
  const tell = fewLines(options.onRefusal, options.now ?? (() => performance.now()));
  const counts = new Map<string, EgressCount>();
  const sockets = new Set<Duplex>();

  function countOf(destination: Destination | undefined): EgressCount {
    const name = destination === undefined ? 'invalid' : `${destination.host}:${destination.port}`;
    const key = counts.has(name) || counts.size < MAX_COUNTED ? name : 'other';
    const count = counts.get(key) ?? { connections: 0, refused: 0, sent: 0, received: 0 };
    counts.set(key, count);
    return count;
  }

  function refuse(destination: Destination | undefined, why: string): Refused {
    countOf(destination).refused += 1;
    tell(`egress to ${shown(destination)} refused: ${why}${hint(destination)}`);
    return { refused: why };
  }

  const isNamed = (destination: Destination): boolean =>
    isAllowed(options.rules, destination) || credentials?.isFor(destination.host) === true;

  const isTold = (destination: Destination): boolean => options.tellsDestinations || isNamed(destination);

  function shown(destination: Destination | undefined): string {
    if (destination === undefined) return 'a destination that is no host name';
    return isTold(destination) ? `${destination.host}:${destination.port}` : 'a destination';
  }

  function hint(destination: Destination | undefined): string {
    return destination === undefined || isTold(destination)
      ? ''
      : ' (its name is shown with logs: { child: operator })';
  }

  /** An address to connect to, judged. */
  async function judge(
    destination: Destination | undefined,
    isAllowedHere: boolean,
  ): Promise<Refused | { readonly address: string }> {
    if (destination === undefined) return refuse(undefined, 'only host names can be allowed, not addresses');
    if (!isAllowedHere) return refuse(destination, 'the manifest does not allow it');
    let addresses: readonly string[];
    try {
      addresses = await inTime(options.resolve(destination.host), limits.connectMs);
    } catch {
      return refuse(destination, 'the name has no address');
    }
    for (const address of addresses) {
      const why = refusal(address);
      if (why !== undefined) return refuse(destination, `the name leads to ${address}, which is ${why}`);
    }
    const [address] = addresses;
    return address === undefined ? refuse(destination, 'the name has no address') : { address };
  }

  /** Being resolved, being connected, or connected. */
  let places = 0;

  /** A connection, which its caller must end. */
  async function open(destination: Destination | undefined, isAllowedHere: boolean): Promise<Refused | Socket> {
    // Clients that left do not count any more, but what was begun for them does.
    if (places >= limits.connections) return refuse(destination, 'there are too many connections');
    places += 1;
    let upstream: Socket | undefined;
    try {
      const judged = await judge(destination, isAllowedHere);
      if ('refused' in judged || destination === undefined) return judged as Refused;
      upstream = connect({ host: judged.address, port: destination.port });
      return await connected(upstream, destination);
    } finally {
      if (upstream === undefined || upstream.closed) places -= 1;
      else
        upstream.once('close', () => {
          places -= 1;
        });
    }
  }

  async function connected(upstream: Socket, destination: Destination): Promise<Refused | Socket> {
    keep(upstream);
    upstream.setTimeout(limits.connectMs, () => upstream.destroy(new Error('no connection in time')));
    try {
      await once(upstream, 'connect');
    } catch {
      return refuse(destination, 'the connection failed');
    }
    upstream.setTimeout(limits.idleMs, () => upstream.destroy());
    const count = countOf(destination);
    count.connections += 1;
    upstream.once('close', () => {
      count.sent += upstream.bytesWritten;
      count.received += upstream.bytesRead;
    });
    return upstream;
  }

  function keep(socket: Duplex): void {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  }

  async function tunnel(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    // Without end, one in the other, they would take more and more of this process.
    if (tunnels.has(client)) {
      sayNo(client, refuse(undefined, 'a tunnel holds no further one'));
      return;
    }
    keep(client);
    const destination = parseAuthority(request.url ?? '');
    if (destination !== undefined && credentials?.isFor(destination.host) === true) {
      if (destination.port === PLAIN_PORT) serveInside(client, head, destination.host);
      else sayNo(client, refuse(destination, plainOnly(destination.host)));
      return;
    }
    const upstream = await open(destination, destination !== undefined && isAllowed(options.rules, destination));
    if ('refused' in upstream) {
      sayNo(client, upstream);
      return;
    }
    if (client.destroyed) {
      upstream.destroy();
      return;
    }
    client.write(ESTABLISHED);
    if (head.length > 0) upstream.write(head);
    upstream.pipe(client);
    client.pipe(upstream);
    upstream.once('close', () => client.destroy());
    client.once('close', () => upstream.destroy());
  }

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const inside = tunnels.get(request.socket);
    const target = inside === undefined ? absolute(request) : originOf(request, inside);
    if (target !== undefined && credentials?.isFor(target.destination.host) === true) {
      await credentials.serve(request, response, target.asked);
      return;
    }
    const destination = target?.destination;
    const upstream = await open(destination, destination !== undefined && isAllowed(options.rules, destination));
    if ('refused' in upstream || target === undefined) {
      response.writeHead(403, { 'Content-Type': 'text/plain', Connection: 'close' });
      response.end(`${'refused' in upstream ? upstream.refused : 'not a URL'}\n`);
      return;
    }
    forwardRequest(request, response, {
      connection: upstream,
      path: target.path,
      headers: { ...endToEnd(request.rawHeaders), host: target.host },
    });
  }

  const credentials =
    options.credentials === undefined
      ? undefined
      : credentialEgress(options.credentials, {
          refuse,
          open: (destination) => open(destination, true),
          connectMs: limits.connectMs,
        });
  /** Connections whose client believes that it is connected to this host. */
  const tunnels = new WeakMap<Duplex, string>();

  /** Some clients tunnel plain HTTP too. Such a tunnel ends here, where its requests are read like others. */
  function serveInside(client: Duplex, head: Buffer, host: string): void {
    client.write(ESTABLISHED);
    tunnels.set(client, host);
    if (head.length > 0) client.unshift(head);
    server.emit('connection', client);
  }

  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 5_000 }, (request, response) => {
    forward(request, response).catch(() => response.destroy());
  });
  server.maxConnections = limits.connections;
  server.on('connection', keep);
  server.on('connect', (request, client, head: Buffer) => {
    tunnel(request, client, head).catch(() => client.destroy());
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(options.socket);
  await once(server, 'listening');

  async function end(): Promise<void> {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    // What went through each is counted when it closes.
    const gone = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve).destroy()));
    await Promise.all([ended, ...gone]);
  }

  let closed: Promise<void> | undefined;
  return {
    counts: () => counts,
    close() {
      closed ??= end();
      return closed;
    },
  };
}

const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n';
/** Of URLs that begin with `http:` and name none. */
const PLAIN_PORT = 80;

function plainOnly(host: string): string {
  return `call http://${host} through this proxy instead, which adds the credential and makes the TLS connection itself`;
}

function sayNo(client: Duplex, { refused }: Refused): void {
  client.end(`HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${refused}\n`);
}

interface Refused {
  readonly refused: string;
}

interface Target {
  readonly destination: Destination;
  /** The same as it was written. */
  readonly asked: CredentialTarget;
  readonly host: string;
  readonly path: string;
}

/** The absolute form of a request for plain HTTP; its `Host` header must say the same. */
function absolute(request: IncomingMessage): Target | undefined {
  const match = /^http:\/\/([^/?#]+)([/?][^#\s]*)?$/i.exec(request.url ?? '');
  const [, authority = '', path = '/'] = match ?? [];
  const hasPort = /:\d+$/.test(authority);
  const destination = parseAuthority(hasPort ? authority : `${authority}:${PLAIN_PORT}`);
  const hosts = request.headersDistinct['host'] ?? [];
  if (destination === undefined || hosts.length !== 1 || hosts[0]?.toLowerCase() !== authority.toLowerCase())
    return undefined;
  const whole = path.startsWith('/') ? path : `/${path}`;
  const { host, port } = destination;
  const asked = { host, path: whole, ...(hasPort ? { port } : {}) };
  return { destination, asked, host: authority.toLowerCase(), path: whole };
}

/** The origin form of a request within a tunnel for plain HTTP that ends here. */
function originOf({ url: path = '', headersDistinct }: IncomingMessage, host: string): Target | undefined {
  const hosts = headersDistinct['host'] ?? [];
  const [named = ''] = hosts;
  if (!/^\/[^#\s]*$/.test(path) || hosts.length !== 1 || named.toLowerCase().replace(/:80$/, '') !== host)
    return undefined;
  return { destination: { host, port: PLAIN_PORT }, asked: { host, path }, host, path };
}
