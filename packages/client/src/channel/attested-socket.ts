/**
 * The attested channel, version 1, client side: a connection on which the server has shown fresh
 * evidence for exactly this connection, and on which nothing else has been sent yet.
 *
 * The exchange happens on the raw socket, before any HTTP client sees it. What the evidence has to
 * bind is computed from this side alone; judging it is the caller's `judge`.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type EvidenceBundle, errorDocumentShape, parseEvidenceBundle, toBase64Url } from '@vitrine/documents';
import type { ExpectedChannel } from '@vitrine/verifier';
import { cleanText } from '../clean-text.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import type { ProxyFor } from '../net/proxy-environment.ts';
import { type AttestReply, createReplyReader } from './attest-reply.ts';
import { nameInterception } from './interception.ts';
import { openTlsSession, timeLimitError } from './tls-session.ts';

const ATTEST_PATH = '/.well-known/vitrine/attest';

/** Judges the evidence of one connection. Whatever it throws refuses the connection. */
export interface Judge<T> {
  (bundle: EvidenceBundle, channel: ExpectedChannel): Promise<T>;
  /** Makes the judge of one connection by what is known before the server is asked on it. */
  readonly begin?: () => Promise<Judge<T>>;
}

export interface AttestOptions {
  /** From the first packet to the last byte of evidence, in milliseconds. */
  readonly timeLimitMs: number;
  /** Gives up early. */
  readonly signal?: AbortSignal;
  /** Source of the nonce; the operating system's by default. */
  readonly random?: (bytes: number) => Uint8Array;
  /** Which HTTP proxy to go through; none by default. */
  readonly proxyFor?: ProxyFor;
}

export interface AttestedSocket<T> {
  /** Paused, with nothing buffered: the next byte belongs to the first HTTP answer. */
  readonly socket: TLSSocket;
  /** What `judge` returned. */
  readonly judged: T;
}

/**
 * Opens a connection to the origin of `url`, asks for evidence and hands it to `judge`. Only when
 * that returns is the socket handed over; in every other case it is destroyed.
 *
 * @throws RefusedError, UnreachableError, MalformedEvidenceError, or what `judge` throws.
 */
export async function openAttestedSocket<T>(
  url: URL,
  judge: Judge<T>,
  options: AttestOptions,
): Promise<AttestedSocket<T>> {
  const limit = AbortSignal.timeout(options.timeLimitMs);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  const judgeOne = judge.begin === undefined ? judge : await judge.begin();
  const { socket, identity, issuedBy } = await openTlsSession(url, signal, options.proxyFor);
  const nonce = toBase64Url((options.random ?? randomBytes)(32));
  const exchange = startExchange(socket, url, nonce, signal);
  try {
    const bundle = readBundle(await exchange.reply, url);
    const judged = await judgeOne(bundle, { nonce, ...identity });
    if (options.signal?.aborted === true) throw new UnreachableError('closed', 'the connection was closed');
    exchange.finish();
    return { socket, judged };
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw issuedBy === undefined ? error : nameInterception(error, issuedBy, url.host);
  }
}

interface Exchange {
  readonly reply: Promise<AttestReply>;
  /** Releases the socket; throws if anything arrived after the reply or the connection is gone. */
  finish(): void;
}

function startExchange(socket: TLSSocket, url: URL, nonce: string, signal: AbortSignal): Exchange {
  const reader = createReplyReader();
  let late: Error | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<AttestReply>();
  const fail = (error: Error): void => {
    late ??= error;
    reject(error);
  };
  const onData = (chunk: Buffer): void => {
    try {
      const reply = reader.push(chunk);
      if (reply === undefined) return;
      // Judging may take its own time; the limit is for the network.
      signal.removeEventListener('abort', onAbort);
      resolve(reply);
    } catch (error) {
      fail(error as Error);
      socket.destroy();
    }
  };
  const onEnd = (): void =>
    fail(new UnreachableError('attest.truncated', `${url.host} closed the connection ${reader.progress()}`));
  const onError = (cause: Error): void =>
    fail(new UnreachableError('network', `the connection to ${url.host} broke: ${cause.message}`, { cause }));
  const onAbort = (): void => {
    fail(timeLimitError(url));
    socket.destroy();
  };
  socket.on('data', onData).on('error', onError).on('end', onEnd).on('close', onEnd);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();

  const body = JSON.stringify({ nonce });
  socket.write(
    `POST ${ATTEST_PATH} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: application/json\r\n` +
      `Accept: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return {
    reply: promise,
    finish() {
      if (late !== undefined) throw late;
      socket.pause();
      if (socket.readableLength > 0 || socket.destroyed) {
        throw new RefusedError('channel.reply', 'bytes arrived after the reply to the attest request');
      }
      socket.off('data', onData).off('error', onError).off('end', onEnd).off('close', onEnd);
    },
  };
}

function readBundle(reply: AttestReply, url: URL): EvidenceBundle {
  if (reply.status !== 200) throw statusError(reply, url);
  if (reply.headers.get('connection')?.toLowerCase() === 'close') {
    throw new RefusedError('channel.reply', `${url.host} closes the connection that it gave evidence for`);
  }
  // Invalid UTF-8 becomes U+FFFD, which no bundle may contain: the parser refuses it by name.
  return parseEvidenceBundle(reply.body.toString('utf8'));
}

function statusError(reply: AttestReply, url: URL): Error {
  const said = errorText(reply);
  if (reply.status === 503) {
    const after = /^[0-9]{1,5}$/.exec(reply.headers.get('retry-after') ?? '')?.[0];
    const when = after === undefined ? 'later' : `in ${after} s`;
    return new UnreachableError('attest.busy', `${url.host} is busy and gave no evidence; try again ${when}${said}`);
  }
  if (reply.status === 404 || reply.status === 405) {
    return new RefusedError(
      'channel.endpoint',
      `${url.host} has no evidence endpoint: not a Vitrine server. Nothing but the question was sent`,
    );
  }
  return new RefusedError('channel.endpoint', `${url.host} gave no evidence: HTTP ${reply.status}${said}`);
}

function errorText(reply: AttestReply): string {
  try {
    const parsed = errorDocumentShape.parse(JSON.parse(reply.body.toString('utf8')));
    return parsed.ok ? ` (${cleanText(parsed.value.code, 40)}: ${cleanText(parsed.value.message)})` : '';
  } catch {
    return '';
  }
}
