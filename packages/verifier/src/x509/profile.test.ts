/**
 * Profiles: what each vendor's certificates may look like, and that no profile reads another's.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { forgePki } from '@vitrine/simulator/faults';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { openDer, readDer, Tag } from '../asn1/der.ts';
import { derNamedBits } from '../asn1/values.ts';
import { verifyEndorsedSignature } from '../platform/endorsed-signature.ts';
import { RefusalError } from '../refusal.ts';
import { amdAnchors } from '../snp/anchors.ts';
import { parseLeaf } from '../snp/leaf.ts';
import { NOW } from '../testing/forged.ts';
import { allows, parseCertificate } from './certificate.ts';
import { authenticateChain, parseDerChain } from './chain.ts';
import { parsePemChain } from './pem.ts';
import { AMD_AUTHORITY_PROFILE, type CertificateProfile, INTEL_PROFILE } from './profile.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const anchors = amdAnchors();
const intel = Uint8Array.from(forgePki({ now: NOW }).intermediate.der);
const p384: CertificateProfile = { ...INTEL_PROFILE, keys: ['p384'], signatures: ['ecdsa-p384-sha384'] };
const read = (der: Bytes, profile?: CertificateProfile) => parseCertificate(der, 'certificate', profile);

/** `der` with the first occurrence of `from` replaced by `to`, both hexadecimal of one length. */
function replaced(der: Bytes, from: string, to: string): Bytes {
  const text = Buffer.from(der).toString('hex');
  if (!text.includes(from)) throw new Error(`no ${from}`);
  return Uint8Array.from(Buffer.from(text.replaceAll(from, to), 'hex'));
}

describe("AMD's authorities", () => {
  for (const { name, root, authorities } of anchors) {
    test(`of ${name} say what Node reads in them`, () => {
      for (const der of [root, ...authorities]) {
        const [ours, nodes] = [read(der, AMD_AUTHORITY_PROFILE), new X509Certificate(der)];
        expect(ours.keyAlgorithm).toBe('rsa');
        expect(ours.signatureAlgorithm).toBe('rsa-pss-sha384');
        expect(Buffer.from(ours.publicKey)).toEqual(nodes.publicKey.export({ type: 'spki', format: 'der' }));
        expect(ours.subject.text.split(', ').join('\n')).toBe(nodes.subject);
        expect(ours.isAuthority).toBe(true);
        expect(allows(ours, 'keyCertSign')).toBe(true);
        expect(allows(ours, 'cRLSign')).toBe(der === root);
        expect(allows(ours, 'digitalSignature')).toBe(false);
      }
    });
  }

  promise('P7', 'are signed by their own root and by no other', async () => {
    for (const { name, authorities } of anchors) {
      for (const other of anchors) {
        const root = read(other.root, AMD_AUTHORITY_PROFILE);
        for (const der of authorities) {
          const { signed, signature, signatureAlgorithm } = read(der, AMD_AUTHORITY_PROFILE);
          const good = await verifyEndorsedSignature(root.publicKey, signed, signature, signatureAlgorithm);
          expect(good, `${name} under ${other.name}`).toBe(other.name === name);
        }
      }
    }
  });

  promise('P7', 'do not stand where a leaf has to', async () => {
    for (const { root, authorities } of anchors) {
      const chain = parseDerChain([...authorities.slice(0, 1), root], 'chain', AMD_AUTHORITY_PROFILE);
      await expect(authenticateChain(chain, NOW, 'chain')).rejects.toThrow(/stands where a leaf has to/);
    }
  });

  promise('P7', 'under any damage are read or refused', () => {
    const good = anchors[0]?.authorities[0] ?? new Uint8Array();
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(3), fc.uint8Array({ maxLength: 3 }), (index, cut, put) => {
        const damaged = Uint8Array.of(...good.subarray(0, index), ...put, ...good.subarray(index + cut));
        for (const parse of [() => read(damaged, AMD_AUTHORITY_PROFILE), () => parseLeaf(damaged)]) {
          try {
            parse();
          } catch (error) {
            expect(error).toBeInstanceOf(RefusalError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a profile refuses', () => {
  const authority = anchors[0]?.authorities[0] ?? new Uint8Array();
  const cases: readonly [name: string, der: Bytes, profile: CertificateProfile, message: RegExp][] = [
    ["AMD's certificates as Intel's", authority, INTEL_PROFILE, /signature algorithm is not supported/],
    ["Intel's certificates as AMD's", intel, AMD_AUTHORITY_PROFILE, /signature algorithm is not supported/],
    ["Intel's certificates as AWS's", intel, p384, /signature algorithm is not supported/],
    ['a key that it does not name', authority, { ...AMD_AUTHORITY_PROFILE, keys: ['p384'] }, /public key is not/],
    [
      'a signature that it does not name',
      authority,
      { ...AMD_AUTHORITY_PROFILE, signatures: ['rsa-pkcs1-sha256'] },
      /signature algorithm/,
    ],
    ['trailing zero bits in a key usage', authority, { ...AMD_AUTHORITY_PROFILE, trailingBits: 'none' }, /not DER/],
    [
      'a certificate that is too long',
      authority,
      { ...AMD_AUTHORITY_PROFILE, maxBytes: 1000 },
      /longer than 1000 bytes/,
    ],
    // In both places, so that they still agree.
    ['a shorter salt', replaced(authority, 'a203020130', 'a203020120'), AMD_AUTHORITY_PROFILE, /signature algorithm/],
    ['another trailer', replaced(authority, 'a303020101', 'a303020102'), AMD_AUTHORITY_PROFILE, /signature algorithm/],
    [
      'SHA-256 instead of SHA-384',
      replaced(authority, '0609608648016503040202', '0609608648016503040201'),
      AMD_AUTHORITY_PROFILE,
      /signature algorithm/,
    ],
    ['another exponent', replaced(authority, '0203010001', '0203010003'), AMD_AUTHORITY_PROFILE, /public key is not/],
  ];
  for (const [name, der, profile, message] of cases) {
    promise('P7', name, () => {
      expect(() => read(der, profile)).toThrow(RefusalError);
      expect(() => read(der, profile)).toThrow(message);
    });
  }

  promise('P7', 'an algorithm inside that is another than outside', () => {
    const text = Buffer.from(authority).toString('hex');
    const last = text.lastIndexOf('a203020130');
    const mixed = Buffer.from(`${text.slice(0, last)}a203020120${text.slice(last + 10)}`, 'hex');
    expect(() => read(Uint8Array.from(mixed), AMD_AUTHORITY_PROFILE)).toThrow(/signature algorithm/);
  });
});

test('named bits end in zeros only where that is said', () => {
  const bits = (...content: readonly number[]) =>
    readDer(Uint8Array.of(3, content.length, ...content), Tag.bitString, 'bits');
  expect(derNamedBits(bits(2, 0x04), 'bits')).toEqual([5]);
  expect(() => derNamedBits(bits(1, 0x04), 'bits')).toThrow(/not DER/);
  expect(derNamedBits(bits(1, 0x04), 'bits', 'zeros')).toEqual([5]);
  expect(() => derNamedBits(bits(1, 0x05), 'bits', 'zeros')).toThrow(/not DER/);
  expect(() => derNamedBits(bits(1, 0x00), 'bits', 'zeros')).toThrow(/not DER/);
  expect(() => derNamedBits(bits(8, 0x80), 'bits', 'zeros')).toThrow(/not DER/);
});

promise.unless(missingVectors, 'P7', "AWS's root is read under a profile of P-384 and no other", () => {
  const [der = new Uint8Array()] = parsePemChain(readTextVector('nitro/aws-nitro-root-g1.pem'), 1, 'root');
  expect(read(der, p384)).toMatchObject({ keyAlgorithm: 'p384', signatureAlgorithm: 'ecdsa-p384-sha384' });
  expect(() => read(der)).toThrow(RefusalError);
  expect(() => read(der, AMD_AUTHORITY_PROFILE)).toThrow(RefusalError);
  expect(openDer(readDer(der, Tag.sequence, 'root'), 'root').elements).toHaveLength(3);
});

promise.unless(missingVectors, 'P7', 'serial number zero is read only where it may be', () => {
  const vcek = readVector('snp/oak-genoa_oc.vcek.der');
  const leaf: CertificateProfile = { ...AMD_AUTHORITY_PROFILE, keys: ['p384'], required: [] };
  expect(() => read(vcek, leaf)).toThrow(/serial number is zero/);
  expect(read(vcek, { ...leaf, serialNumber: 'any' })).toMatchObject({ serial: '00', isAuthority: false });
  expect(() => read(vcek, { ...leaf, serialNumber: 'any', required: ['keyUsage'] })).toThrow(/no key usage/);
  expect(() => read(vcek, { ...leaf, serialNumber: 'any', required: ['basicConstraints'] })).toThrow(/no basic/);
});
