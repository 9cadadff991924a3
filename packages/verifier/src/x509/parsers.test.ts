/**
 * Certificates and revocation lists under random damage: a value or a refusal, nothing else; and
 * Node's own reader as a second opinion on what good ones say.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { fromHex, toHex } from '@vitrine/documents';
import { forgeCollateral, forgePki, generateKeyPair } from '@vitrine/simulator/faults';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readVector } from '../../../../test/vectors.ts';
import { parsePckClaims } from '../dcap/pck.ts';
import { RefusalError } from '../refusal.ts';
import { NOW } from '../testing/forged.ts';
import { parseCertificate } from './certificate.ts';
import { parseRevocationList } from './crl.ts';

const pki = forgePki({ now: NOW });
const pckCrl = fromHex(forgeCollateral(pki).pck_crl) ?? new Uint8Array();

/** Random damage: some bytes replaced, some cut out, some put in. */
const damage = fc.array(
  fc.record({
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    remove: fc.nat(3),
    insert: fc.uint8Array({ maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
);

function apply(
  good: Uint8Array,
  changes: typeof damage extends fc.Arbitrary<infer T> ? T : never,
): Uint8Array<ArrayBuffer> {
  let bytes = [...good];
  for (const { place, remove, insert } of changes) {
    const index = Math.floor(place * bytes.length);
    bytes = [...bytes.slice(0, index), ...insert, ...bytes.slice(index + remove)];
  }
  return Uint8Array.from(bytes);
}

function valueOrRefusal(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(RefusalError);
  }
}

describe('good certificates', () => {
  test('say what Node reads in them', () => {
    for (const { der } of [pki.root, pki.intermediate, pki.pck, pki.tcbSigning]) {
      const ours = parseCertificate(Uint8Array.from(der), 'certificate');
      const nodes = new X509Certificate(der);
      expect(ours.serial.toUpperCase()).toBe(nodes.serialNumber);
      expect(ours.subject.text.split(', ').join('\n')).toBe(nodes.subject);
      expect(ours.issuer.text.split(', ').join('\n')).toBe(nodes.issuer);
      expect(ours.notBefore).toEqual(nodes.validFromDate);
      expect(ours.notAfter).toEqual(nodes.validToDate);
      expect(ours.isAuthority).toBe(nodes.ca);
      expect(toHex(ours.publicKey)).toBe(
        nodes.publicKey.export({ format: 'der', type: 'spki' }).subarray(-64).toString('hex'),
      );
    }
  });

  test('name their machine', () => {
    const claims = parsePckClaims(parseCertificate(Uint8Array.from(pki.pck.der), 'certificate'));
    expect(claims).toMatchObject({
      ppid: toHex(pki.platform.ppid),
      components: pki.platform.componentSvns,
      pceSvn: pki.platform.pceSvn,
      fmspc: toHex(pki.platform.fmspc),
      platformInstanceId: toHex(pki.platform.platformInstanceId),
    });
  });
});

describe('damage', () => {
  test('a certificate is read or refused', () => {
    fc.assert(
      fc.property(fc.constantFrom(pki.pck.der, pki.root.der), damage, (good, changes) => {
        valueOrRefusal(() => parsePckClaims(parseCertificate(apply(good, changes), 'certificate')));
      }),
      { numRuns: 1500 },
    );
  });

  test('a revocation list is read or refused', () => {
    fc.assert(
      fc.property(damage, (changes) => valueOrRefusal(() => parseRevocationList(apply(pckCrl, changes), 'list'))),
      { numRuns: 1500 },
    );
  });

  promise('P7', 'no single changed bit inside the signed part of a certificate goes unnoticed', () => {
    const good = parseCertificate(Uint8Array.from(pki.pck.der), 'certificate');
    for (let bit = 0; bit < pki.pck.der.length * 8; bit += 5) {
      const changed = Uint8Array.from(pki.pck.der);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      valueOrRefusal(() => {
        const read = parseCertificate(changed, 'certificate');
        // Every byte that is read belongs to what is signed or to the signature itself.
        expect([toHex(read.signed), toHex(read.signature)]).not.toEqual([toHex(good.signed), toHex(good.signature)]);
      });
    }
  });

  test('bytes after a certificate or list are refused', () => {
    expect(() => parseCertificate(Uint8Array.of(...pki.pck.der, 0), 'certificate')).toThrow(/bytes after the end/);
    expect(() => parseRevocationList(Uint8Array.of(...pckCrl, 0), 'list')).toThrow(/bytes after the end/);
  });

  test('more than 10 kB is no certificate, more than 1 MB no list', () => {
    expect(() => parseCertificate(new Uint8Array(10_001), 'certificate')).toThrow(/longer than/);
    expect(() => parseRevocationList(new Uint8Array(1_000_001), 'list')).toThrow(/longer than/);
  });

  test('a serial number of 21 bytes is refused', () => {
    const serial = new Uint8Array(21).fill(0x40);
    const { pck } = forgePki({ now: NOW, pck: (good) => ({ ...good, serial, signer: generateKeyPair() }) });
    expect(() => parseCertificate(Uint8Array.from(pck.der), 'certificate')).toThrow(/serial number longer/);
  });

  for (const file of ['sgx/oe-sgx_cert_ec_bad.der', 'sgx/oe-sgx_cert_rsa_bad.der']) {
    promise.unless(missingVectors, 'P7', `${file} is refused`, () => {
      expect(() => parseCertificate(readVector(file), 'certificate')).toThrow(RefusalError);
    });
  }

  for (const file of [
    'sgx/automata-root_crl.der',
    'tdx/automata-2025-08.platform_crl.der',
    'tdx/automata-2025-10.pck_crl.der',
    'tdx/google-spr.pckcrl.der',
    'tdx/google-spr.rootcrl.der',
    'tdx/lunal-collateral/root_ca_crl.der',
  ]) {
    promise.unless(missingVectors, 'P7', `Intel's list ${file} is read`, () => {
      expect(parseRevocationList(readVector(file), 'list').issuer.text).toMatch(/O=Intel Corporation/);
    });
  }
});
