/**
 * The enclave's TLS identity: a P-256 key and a self-signed certificate around it, made inside at
 * every boot and gone with the process.
 *
 * Nobody is asked to trust the certificate: clients compare its key with the one in the boot
 * binding, which hardware evidence commits to. So it has no names to check and no well-defined end
 * (RFC 5280 section 4.1.2.5); an end date would only stop an enclave that is still attested.
 *
 * @module
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  basicConstraints,
  type DistinguishedName,
  ECDSA_WITH_SHA256,
  encodeCertificate,
  keyUsage,
  NO_EXPIRY,
  serverAuthentication,
} from './certificate-encode.ts';
import { encodePem } from './pem.ts';

export interface InstanceIdentity {
  readonly certificatePem: string;
  /**
   * PKCS #8. Text, because `node:tls` takes nothing else; it may be handed to the TLS server of
   * this process and must never be written, logged or sent.
   */
  readonly privateKeyPem: string;
  /** SHA-256 of the DER SubjectPublicKeyInfo, 32 bytes: what the boot binding names. */
  readonly spkiSha256: Uint8Array<ArrayBuffer>;
}

const NAME: DistinguishedName = [['CN', 'vitrine enclave']];
/** Clients whose clock is behind by less than this see a certificate that is already valid. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** A fresh key and certificate, valid from five minutes before `now`. */
export function createInstanceIdentity(now: Date): InstanceIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const certificate = encodeCertificate(
    {
      version: 3,
      serial: randomBytes(16),
      signatureAlgorithm: ECDSA_WITH_SHA256,
      issuer: NAME,
      subject: NAME,
      notBefore: new Date(now.getTime() - CLOCK_TOLERANCE_MS),
      notAfter: NO_EXPIRY,
      spki,
      extensions: [basicConstraints('leaf'), keyUsage('digitalSignature'), serverAuthentication()],
    },
    (bytes) => sign('sha256', bytes, privateKey),
  );
  return {
    certificatePem: encodePem('CERTIFICATE', certificate),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    spkiSha256: Uint8Array.from(createHash('sha256').update(spki).digest()),
  };
}
