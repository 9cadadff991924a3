/**
 * The TLS half of the attested channel, version 1: a connection whose key and exporter can be
 * compared with evidence. Certificate authorities play no part; the attested key is the trust.
 *
 * Resumption would hide the certificate and skip attestation, so none is offered and a reused
 * session is refused. Exporter: RFC 9266 `tls-exporter` over TLS 1.3 (RFC 8446). Where an HTTP proxy
 * stands in between, TLS runs through its tunnel, from end to end.
 *
 * @module
 */
import { createHash, X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { toBase64Url } from '@vitrine/documents';
import { cleanText } from '../clean-text.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import { direct, type ProxyFor } from '../net/proxy-environment.ts';
import { openTunnel } from '../net/tunnel.ts';

/** What evidence has to name for it to be about this connection. */
export interface ChannelIdentity {
  /** 32 bytes, base64url. */
  readonly exporter: string;
  /** SHA-256 of the leaf certificate's DER SubjectPublicKeyInfo, lower-case hexadecimal. */
  readonly leafSpki: string;
}

/** The part of a TLS socket that the identity is read from. */
export type TlsSession = Pick<
  TLSSocket,
  'getProtocol' | 'isSessionReused' | 'getPeerCertificate' | 'exportKeyingMaterial'
>;

export interface OpenTlsSession {
  readonly socket: TLSSocket;
  readonly identity: ChannelIdentity;
  /** Who issued the certificate, where that is not its own key: an enclave's certificate is self-signed. */
  readonly issuedBy: string | undefined;
}

/**
 * Opens a TLS 1.3 connection to the origin of `url` and reads its identity. Sends nothing.
 *
 * @throws RefusedError where the peer does not speak TLS 1.3 as the channel demands; UnreachableError otherwise.
 */
export async function openTlsSession(
  url: URL,
  signal: AbortSignal,
  proxyFor: ProxyFor = direct,
): Promise<OpenTlsSession> {
  const socket = await openSocket(url, signal, proxyFor, 'TLSv1.3').catch(async (error: unknown) => {
    throw await nameOldTls(url, signal, proxyFor, error);
  });
  try {
    return { socket, identity: channelIdentity(socket), issuedBy: certificateIssuer(socket) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Reads the identity of an established session. */
export function channelIdentity(session: TlsSession): ChannelIdentity {
  const protocol = session.getProtocol();
  if (protocol !== 'TLSv1.3') throw new RefusedError('channel.tls', `expected TLSv1.3, the connection has ${protocol}`);
  if (session.isSessionReused()) {
    throw new RefusedError('channel.session', 'the TLS session was resumed, which skips the proof of the key');
  }
  // The X.509 accessor of the socket works once only; this one can be repeated.
  const certificate: { readonly raw?: Buffer } | null = session.getPeerCertificate();
  const raw = certificate?.raw;
  if (raw === undefined || raw.length === 0) {
    throw new RefusedError('channel.certificate', 'the server showed no certificate');
  }
  const spki = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' });
  return {
    exporter: toBase64Url(session.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))),
    leafSpki: createHash('sha256').update(spki).digest('hex'),
  };
}

/** The name of the certificate's issuer; `undefined` for a self-signed one, or none. */
function certificateIssuer(session: Pick<TLSSocket, 'getPeerCertificate'>): string | undefined {
  const certificate: { readonly raw?: Buffer } | null = session.getPeerCertificate();
  const raw = certificate?.raw;
  if (raw === undefined || raw.length === 0) return undefined;
  const { issuer, subject } = new X509Certificate(raw);
  if (issuer === subject) return undefined;
  const names = issuer.split('\n');
  const shown = names.find((name) => name.startsWith('CN=')) ?? names.find((name) => name.startsWith('O=')) ?? names[0];
  return cleanText(shown?.replace(/^[A-Z]+=/, '') ?? '', 80);
}

/** What a certificate of another issuer says about the connection, and what to do. To be appended to a refusal. */
export function interceptionText(issuedBy: string, host: string, certain: boolean): string {
  const what = certain
    ? `The connection is being intercepted by something that presents a certificate issued by "${issuedBy}"`
    : `The connection presents a certificate issued by "${issuedBy}", not one of the server's own making: either ${host} is no Vitrine server, or the connection is being intercepted`;
  return `${what}. Vitrine cannot be used through TLS inspection; ask whoever runs it to exempt ${host}`;
}

/**
 * Something that speaks only older TLS may be an inspecting proxy, which its certificate names. One
 * more handshake reads it; nothing is sent on that connection.
 */
async function nameOldTls(url: URL, signal: AbortSignal, proxyFor: ProxyFor, error: unknown): Promise<unknown> {
  if (!(error instanceof RefusedError) || error.check !== 'channel.tls') return error;
  const old = await openSocket(url, signal, proxyFor, 'TLSv1.2').catch(() => undefined);
  const issuedBy = old === undefined ? undefined : certificateIssuer(old);
  old?.on('error', () => {}).destroy();
  if (issuedBy === undefined) return error;
  return new RefusedError(error.check, `${error.message}. ${interceptionText(issuedBy, url.host, false)}`, {
    cause: error,
  });
}

async function openSocket(
  url: URL,
  signal: AbortSignal,
  proxyFor: ProxyFor,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<TLSSocket> {
  const inner = await openTunnel(url, { proxyFor, signal }).catch((error: unknown) => {
    throw signal.aborted ? timeLimitError(url) : error;
  });
  return startTls(inner, url, signal, version);
}

function startTls(inner: Socket, url: URL, signal: AbortSignal, version: 'TLSv1.2' | 'TLSv1.3'): Promise<TLSSocket> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({
      socket: inner,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      minVersion: version,
      maxVersion: version,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
    });
    // Handshake and question are small writes in a row, which would otherwise wait for each other.
    socket.setNoDelay(true);
    const settle = (outcome: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('close', onClose).off('secureConnect', onSecure);
      outcome();
    };
    const giveUp = (error: Error): void =>
      settle(() => {
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      });
    const onAbort = (): void => giveUp(timeLimitError(url));
    const onError = (cause: NodeJS.ErrnoException): void => giveUp(connectionError(url, cause));
    const onClose = (): void => giveUp(new UnreachableError('network', `${url.host} closed the connection`));
    const onSecure = (): void => settle(() => resolve(socket));
    socket.once('error', onError).once('close', onClose).once('secureConnect', onSecure);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

/** The error for a signal that ran out. */
export function timeLimitError(url: URL): UnreachableError {
  return new UnreachableError('attest.timeout', `${url.host} gave no evidence within the time limit`);
}

function connectionError(url: URL, cause: NodeJS.ErrnoException): Error {
  const code = cause.code ?? '';
  // OpenSSL found something other than a TLS 1.3 server: trying again will not help.
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) {
    return new RefusedError('channel.tls', `${url.host} does not speak TLS 1.3 (${code}); nothing was sent`, { cause });
  }
  return new UnreachableError('network', `cannot connect to ${url.host}: ${code || cause.message}`, { cause });
}
