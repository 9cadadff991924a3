/**
 * A front door on a free loopback port with a fake gateway and fake evidence, and a client that speaks
 * bytes, so that tests can say what no HTTP library would. For tests only.
 *
 * @module
 */

import { connect as connectPlain } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import {
  createEvidenceService,
  createInstanceIdentity,
  type InstanceIdentity,
  type QuoteSource,
} from '@vitrine/attester';
import type { Manifest } from '@vitrine/documents';
import { onTestFinished } from 'vitest';
import { type FrontDoor, type FrontDoorOptions, openFrontDoor } from '../front-door/front-door.ts';
import { createAuthenticator } from '../guard/authenticate.ts';

export const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'test',
  server: { source: { kind: 'command', command: 'x' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  auth: { kind: 'none' },
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};

const NO_NETWORK = { fetch: () => Promise.reject(new Error('no network here')), now: () => new Date(0) };

/** Evidence without meaning: the report data itself. */
export const quoteSource: QuoteSource = {
  technology: 'test',
  quote: async (reportData) => reportData,
  endorsements: async () => undefined,
};

export interface OpenDoor {
  readonly door: FrontDoor;
  readonly identity: InstanceIdentity;
  /** Targets of the requests that reached the gateway. */
  readonly served: readonly string[];
}

export async function openDoor(options: Partial<FrontDoorOptions> = {}): Promise<OpenDoor> {
  const identity = createInstanceIdentity(new Date());
  const evidence = await createEvidenceService({
    source: quoteSource,
    manifest: MANIFEST,
    tlsSpki: identity.spkiSha256,
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    randomBytes: (length) => new Uint8Array(length).fill(7),
  });
  const served: string[] = [];
  const door = await openFrontDoor({
    identity,
    evidence,
    listen: { host: '127.0.0.1', port: 0, publicHosts: ['bank.example'] },
    auth: { settings: { kind: 'none' }, authenticator: createAuthenticator({ kind: 'none' }, NO_NETWORK) },
    handle: async (request, response) => {
      served.push(request.url ?? '');
      request.resume();
      response.end('from the gateway');
    },
    state: () => 'ready',
    now: () => 0,
    ...options,
  });
  onTestFinished(() => door.close());
  return { door, identity, served };
}

/** Opens a TLS connection; rejects when the handshake fails. */
export function dial(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () => resolve(socket));
  socket.once('error', reject);
  socket.once('close', () => reject(new Error('closed during the handshake')));
  onTestFinished(() => void socket.destroy());
  return promise;
}

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Sends bytes and reads one answer, whose length must have been given. */
export async function exchange(socket: TLSSocket, bytes: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let text = '';
  const onData = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
    const answer = parseAnswer(text);
    if (answer !== undefined) resolve(answer);
  };
  const onClose = (): void => reject(new Error(`closed after ${JSON.stringify(text)}`));
  socket.on('data', onData).once('close', onClose).once('error', onClose);
  socket.write(bytes);
  try {
    return await promise;
  } finally {
    socket.off('data', onData).off('close', onClose).off('error', onClose);
  }
}

/** One request on a connection of its own. */
export async function ask(door: Pick<FrontDoor, 'port'>, head: readonly string[], body = ''): Promise<Answer> {
  const socket = await dial(door.port);
  const answer = await exchange(socket, `${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroy();
  return answer;
}

/** What a peer that does not speak TLS gets; empty when the connection is just closed. */
export function speakPlain(port: number, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = '';
  const socket = connectPlain(port, '127.0.0.1', () => socket.write(bytes));
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.once('close', () => resolve(text));
  return promise;
}

function parseAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [line = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map(
    lines.map((one) => {
      const colon = one.indexOf(':');
      return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()] as const;
    }),
  );
  const body = text.slice(end + 4);
  const length = headers.get('content-length');
  if (headers.get('transfer-encoding') === 'chunked' ? !body.endsWith('0\r\n\r\n') : body.length < Number(length))
    return undefined;
  return { status: Number(line.split(' ')[1]), headers, body };
}
