import { MalformedEvidenceError } from '@vitrine/documents';
import { forgeCollateral, forgePki } from '@vitrine/simulator/faults';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { endorsementsDocument, endorsementsOf, parseEndorsements } from './endorsement-file.ts';

const now = new Date('2026-06-01T00:00:00Z');
const pki = forgePki({ now });
const collateral = forgeCollateral(pki);
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const certificate = new Uint8Array(pki.pck.der);
const revocationList = new Uint8Array(Buffer.from(collateral.pck_crl, 'hex'));
const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  ).join('\n')}\n-----END ${label}-----\n`;
const all = [collateral, { certificate }, { revocationList }];

promise('P7', 'endorsements are read in every form in which vendors serve them', () => {
  expect(parseEndorsements(bytes(JSON.stringify(collateral)), 'f')).toEqual([collateral]);
  expect(parseEndorsements(certificate, 'f')).toEqual([{ certificate }]);
  expect(parseEndorsements(revocationList, 'f')).toEqual([{ revocationList }]);
  expect(parseEndorsements(bytes(pem('CERTIFICATE', certificate) + pem('X509 CRL', revocationList)), 'f')).toEqual([
    { certificate },
    { revocationList },
  ]);
});

promise('P7', 'a document of endorsements reads back as it was written', () => {
  const document = endorsementsDocument(all);
  expect(document && endorsementsOf(document, 'f')).toEqual(all);
  expect(parseEndorsements(bytes(JSON.stringify(document)), 'f')).toEqual(all);
  expect(endorsementsDocument([])).toBeUndefined();
});

for (const [what, input] of [
  ['nothing', bytes('')],
  ['text', bytes('hello')],
  ['JSON of another kind', bytes('{"a":1}')],
  ['collateral without a member', bytes(JSON.stringify({ ...collateral, pck_crl: undefined }))],
  ['collateral with an unknown member', bytes(JSON.stringify({ ...collateral, extra: '' }))],
  ['collateral whose list is not hexadecimal', bytes(JSON.stringify({ ...collateral, pck_crl: 'zz' }))],
  ['a private key', bytes(pem('PRIVATE KEY', certificate))],
  ['text beside a PEM block', bytes(`${pem('CERTIFICATE', certificate)}hello`)],
  ['PEM that is not base64', bytes('-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n')],
  ['DER that is cut short', certificate.slice(0, -1)],
  ['DER with a byte too many', Uint8Array.from([...certificate, 0])],
  ['DER of another structure', Uint8Array.of(0x30, 0x02, 0x05, 0x00)],
  ['a document with padded base64url', bytes('{"type":"vitrine/endorsements/v1","certificates":["MA=="]}')],
] as const) {
  promise('P7', `${what} holds no endorsements`, () => {
    expect(() => parseEndorsements(input, 'f')).toThrow(MalformedEvidenceError);
  });
}

promise('P7', 'any bytes give endorsements or MalformedEvidenceError', () => {
  const changed = fc
    .tuple(fc.nat(certificate.length - 1), fc.nat(255))
    .map(([at, value]) => certificate.with(at, value));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), changed), (input) => {
      try {
        parseEndorsements(Uint8Array.from(input), 'f');
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedEvidenceError);
      }
    }),
  );
});
