/**
 * The TLS identity of an emulated service on this machine: a fresh key, and a certificate of its own for `localhost`
 * and 127.0.0.1.
 *
 * @module
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  basicConstraints,
  type DistinguishedName,
  derContextPrimitive,
  derSequence,
  ECDSA_WITH_SHA256,
  encodeCertificate,
  encodePem,
  keyUsage,
  NO_EXPIRY,
  serverAuthentication,
} from '@vitrine/attester';

const NAME: DistinguishedName = [['CN', 'Vitrine simulator, emulated service']];

export interface EmulatedIdentity {
  /** PEM; it is its own authority. */
  readonly certificate: string;
  /** PKCS #8 in PEM. */
  readonly key: string;
}

/** Valid from a day before `now`, so that a clock that is a little behind takes it. */
export function emulatedIdentity(now: Date): EmulatedIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = derSequence(
    derContextPrimitive(2, new TextEncoder().encode('localhost')),
    derContextPrimitive(7, Uint8Array.of(127, 0, 0, 1)),
  );
  const der = encodeCertificate(
    {
      version: 3,
      serial: randomBytes(16),
      signatureAlgorithm: ECDSA_WITH_SHA256,
      issuer: NAME,
      subject: NAME,
      notBefore: new Date(now.getTime() - 86_400_000),
      notAfter: NO_EXPIRY,
      spki: publicKey.export({ type: 'spki', format: 'der' }),
      extensions: [
        basicConstraints('leaf'),
        keyUsage('digitalSignature'),
        serverAuthentication(),
        { oid: '2.5.29.17', critical: false, value: names },
      ],
    },
    (bytes) => sign('sha256', bytes, privateKey),
  );
  return {
    certificate: encodePem('CERTIFICATE', der),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
