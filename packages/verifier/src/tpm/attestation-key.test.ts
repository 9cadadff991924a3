import { generateKeyPairSync } from 'node:crypto';
import { concatBytes, UsageError } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ECDSA_KEY, RSA_KEY, sized, tpmtPublic } from '../testing/forged-tpm.ts';
import { parseTpmAttestationKey, sameKey } from './attestation-key.ts';

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
const pemOf = (type: 'rsa' | 'rsa-pss', modulusLength: number, publicExponent = 65_537): string =>
  type === 'rsa'
    ? generateKeyPairSync('rsa', { modulusLength, publicExponent })
        .publicKey.export({ format: 'pem', type: 'spki' })
        .toString()
    : generateKeyPairSync('rsa-pss', { modulusLength }).publicKey.export({ format: 'pem', type: 'spki' }).toString();

describe('the attestation key of a caller', () => {
  test('is read from PEM and from what a TPM writes, to the same key', () => {
    for (const key of [RSA_KEY, ECDSA_KEY]) {
      const fromPem = parseTpmAttestationKey(text(key.pem));
      expect(fromPem.keyAlgorithm).toBe(key.kind === 'rsa' ? 'rsa' : 'p256');
      for (const file of [text(key.pem.trim()), text(key.pem.replaceAll('\n', '\r\n')), sized(tpmtPublic(key))]) {
        expect(sameKey(parseTpmAttestationKey(file), fromPem)).toBe(true);
      }
    }
    expect(sameKey(RSA_KEY.trusted, ECDSA_KEY.trusted)).toBe(false);
  });

  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const refused: readonly [name: string, file: Uint8Array<ArrayBuffer>][] = [
    ['nothing', text('')],
    ['two keys', text(RSA_KEY.pem + RSA_KEY.pem)],
    ['text before the key', text(`key\n${RSA_KEY.pem}`)],
    ['text after the key', text(`${RSA_KEY.pem}\nkey`)],
    ['a private key', text(ECDSA_KEY.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())],
    ['a certificate', text(RSA_KEY.pem.replaceAll('PUBLIC KEY', 'CERTIFICATE'))],
    ['broken base64', text(RSA_KEY.pem.replace('MII', 'M='))],
    ['RSA of 1024 bits', text(pemOf('rsa', 1024))],
    ['RSA with exponent 3', text(pemOf('rsa', 2048, 3))],
    ['a key for RSASSA-PSS alone', text(pemOf('rsa-pss', 2048))],
    ['P-384', text(p384.publicKey.export({ format: 'pem', type: 'spki' }).toString())],
    ['Ed25519', text(generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString())],
    ['an unrestricted key of a TPM', sized(tpmtPublic(ECDSA_KEY, 0x0004_0072))],
    ['a public area without its length', tpmtPublic(ECDSA_KEY)],
    ['bytes after a public area', concatBytes(sized(tpmtPublic(ECDSA_KEY)), Uint8Array.of(0))],
    ['a public area cut short', sized(tpmtPublic(ECDSA_KEY)).slice(0, -1)],
  ];
  for (const [name, file] of refused) {
    promise('P7', `is refused as the user's mistake: ${name}`, () => {
      const run = (): unknown => parseTpmAttestationKey(file, 'ak.pem');
      expect(run).toThrow(UsageError);
      expect(run).toThrow(/^ak\.pem: .*Expected one public key/);
    });
  }
});
