import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { createInstanceIdentity } from './instance-certificate.ts';

const now = new Date('2026-11-20T10:00:00Z');

test('the certificate is a self-signed X.509 v3 server certificate for a P-256 key', () => {
  const identity = createInstanceIdentity(now);
  const certificate = new X509Certificate(identity.certificatePem);
  expect(certificate.subject).toBe('CN=vitrine enclave');
  expect(certificate.issuer).toBe('CN=vitrine enclave');
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(createPrivateKey(identity.privateKeyPem))).toBe(true);
  expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(certificate.validFromDate).toEqual(new Date('2026-11-20T09:55:00Z'));
  expect(certificate.validToDate).toEqual(new Date('9999-12-31T23:59:59Z'));
});

test('the digest is that of the key in the certificate', () => {
  const identity = createInstanceIdentity(now);
  const spki = new X509Certificate(identity.certificatePem).publicKey.export({ type: 'spki', format: 'der' });
  expect(Buffer.from(identity.spkiSha256)).toEqual(createHash('sha256').update(spki).digest());
});

promise('P4', 'every boot has a new TLS key, which is in nothing but the identity itself', () => {
  const first = createInstanceIdentity(now);
  const second = createInstanceIdentity(now);
  expect(first.spkiSha256).not.toEqual(second.spkiSha256);
  expect(first.privateKeyPem).not.toBe(second.privateKeyPem);
  expect(first.certificatePem).not.toContain('PRIVATE');
});

test('a TLS 1.3 server runs with it, and the client sees the same key', async () => {
  const { certificatePem, privateKeyPem, spkiSha256 } = createInstanceIdentity(now);
  const server = createServer({ cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.3' }, (socket) =>
    socket.end(),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  const client = connect({ host: '127.0.0.1', port: address.port, rejectUnauthorized: false });
  try {
    await once(client, 'secureConnect');
    const spki = client.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' }) ?? '';
    expect(client.getProtocol()).toBe('TLSv1.3');
    expect(Buffer.from(spkiSha256)).toEqual(createHash('sha256').update(spki).digest());
  } finally {
    client.destroy();
    server.close();
  }
});
