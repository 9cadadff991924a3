/**
 * An HTTPS server on loopback for some host name, with an anchor of its own.
 *
 * @module
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  basicConstraints,
  derContextPrimitive,
  derSequence,
  ECDSA_WITH_SHA256,
  encodeCertificate,
  serverAuthentication,
} from '@vitrine/attester';
import { onTestFinished } from 'vitest';

export interface TlsHost {
  readonly port: number;
  /** PEM. */
  readonly anchor: string;
  /** Requests that reached it, and the server names that were asked for. */
  readonly seen: IncomingMessage[];
  readonly names: string[];
}

/** @param answer - By default 200 and what was sent. */
export async function tlsHost(host: string, answer?: RequestListener): Promise<TlsHost> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = [['CN', host]] as const;
  const alternative = derSequence(derContextPrimitive(2, new TextEncoder().encode(host)));
  const der = encodeCertificate(
    {
      version: 3,
      serial: Uint8Array.of(1, ...randomBytes(8)),
      signatureAlgorithm: ECDSA_WITH_SHA256,
      issuer: name,
      subject: name,
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 3_600_000),
      spki: Uint8Array.from(publicKey.export({ type: 'spki', format: 'der' })),
      extensions: [
        basicConstraints('leaf'),
        serverAuthentication(),
        { oid: '2.5.29.17', critical: false, value: alternative },
      ],
    },
    (bytes) => Uint8Array.from(sign('sha256', bytes, privateKey)),
  );
  const anchor = `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const [seen, names]: [IncomingMessage[], string[]] = [[], []];
  const server = createServer(
    {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: anchor,
      SNICallback: (asked, done) => {
        names.push(asked);
        done(null);
      },
    },
    (request, response) => {
      seen.push(request);
      if (answer !== undefined) answer(request, response);
      else request.pipe(response);
    },
  );
  server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, anchor, seen, names };
}
