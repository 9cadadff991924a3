import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinEndorsements } from '../join-endorsements.ts';
import {
  readCertificateTable,
  type TableEntry,
  tableEndorsements,
  writeCertificateTable,
} from './certificate-table.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const der = (first: number, length = 300): Bytes =>
  Uint8Array.of(0x30, 0x82, (length - 4) >> 8, (length - 4) & 0xff, first, ...new Uint8Array(length - 5));
const ENTRIES: readonly TableEntry[] = [
  { key: 'vcek', der: der(1) },
  { key: 'vlek', der: der(2) },
  { key: 'ask', der: der(3) },
  { key: 'ark', der: der(4) },
  { key: 'crl', der: der(5) },
];
const text = (index: number): string => Buffer.from(ENTRIES[index]?.der ?? []).toString('base64url');

/** A good table with something changed. */
function changed(change: (table: Bytes, view: DataView) => void): Bytes {
  const table = writeCertificateTable(ENTRIES);
  change(table, new DataView(table.buffer));
  return table;
}

test('a table is read leaf first, whatever its order', () => {
  expect(readCertificateTable(writeCertificateTable(ENTRIES))).toEqual(ENTRIES);
  expect(readCertificateTable(writeCertificateTable(ENTRIES.toReversed()))).toEqual(ENTRIES);
  expect(writeCertificateTable(ENTRIES).length % 4096).toBe(0);
});

test('entries are known by the digits of their GUIDs', () => {
  const table = writeCertificateTable(ENTRIES);
  expect(Buffer.from(table.subarray(0, 24)).toString('hex')).toBe('63da758de6644564adc5f4b93be8accd900000002c010000');
  expect(Buffer.from(table.subarray(24, 40)).toString('hex')).toBe('a8074bc2a25a483eaae639c045a0b8a1');
  expect(Buffer.from(table.subarray(48, 64)).toString('hex')).toBe('4ab7b379bbac4fe4a02f05aef327c782');
  expect(Buffer.from(table.subarray(72, 88)).toString('hex')).toBe(
    'c0b406a4a80349529743 3fb6014cd0ae'.replace(' ', ''),
  );
  expect(Buffer.from(table.subarray(96, 112)).toString('hex')).toBe('92f81bc358114d3d97ffd19f88dc67ea');
});

test('endorsements are certificates and lists apart', () => {
  expect(tableEndorsements(writeCertificateTable(ENTRIES))).toEqual({
    type: 'vitrine/endorsements/v1',
    certificates: [text(0), text(1), text(2), text(3)],
    revocationLists: [text(4)],
  });
  expect(tableEndorsements(writeCertificateTable(ENTRIES.slice(4)))).toEqual({
    type: 'vitrine/endorsements/v1',
    revocationLists: [text(4)],
  });
});

test('an entry of the host’s own is passed over', () => {
  const table = changed((bytes) => bytes.fill(0xab, 24, 40));
  expect(readCertificateTable(table).map(({ key }) => key)).toEqual(['vcek', 'ask', 'ark', 'crl']);
});

describe('nothing is read of', () => {
  test.each<[string, Bytes]>([
    ['no bytes', new Uint8Array()],
    ['an empty table', new Uint8Array(4096)],
    ['a table without an end', writeCertificateTable(ENTRIES).slice(0, 120)],
    ['a table of too many entries', new Uint8Array(4096).fill(1, 0, 33 * 24)],
    ['an entry beyond the table', changed((_, view) => view.setUint32(16, 4090, true))],
    ['an entry longer than the table', changed((_, view) => view.setUint32(20, 0xffffffff, true))],
    ['a certificate cut short', changed((_, view) => view.setUint32(20, 299, true))],
    ['a certificate that is no DER', changed((bytes) => bytes.fill(0x2d, 144, 149))],
    ['two leaves', changed((bytes) => bytes.copyWithin(24, 0, 16))],
    ['a certificate of 9 kB', writeCertificateTable([{ key: 'vcek', der: der(1, 9000) }])],
  ])('%s', (_what, table) => {
    expect(readCertificateTable(table)).toEqual([]);
    expect(tableEndorsements(table)).toBeUndefined();
  });
});

test('any bytes give certificates or nothing', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.nat(2400),
      fc.uint8Array({ maxLength: 24 }),
      (bytes, at, more) => {
        expect(Array.isArray(readCertificateTable(bytes))).toBe(true);
        const table = writeCertificateTable(ENTRIES);
        table.set(more, at);
        for (const entry of readCertificateTable(table)) expect(entry.der[0]).toBe(0x30);
      },
    ),
  );
});

test('endorsements of two origins are joined, each text once', () => {
  const type = 'vitrine/endorsements/v1';
  const one = { type, certificates: ['MAA', 'MAB'] } as const;
  const other = { type, certificates: ['MAB', 'MAC'], revocationLists: ['MAD'] } as const;
  expect(joinEndorsements(one, other)).toEqual({
    type,
    certificates: ['MAA', 'MAB', 'MAC'],
    revocationLists: ['MAD'],
  });
  expect(joinEndorsements(undefined, undefined)).toBeUndefined();
  expect(joinEndorsements(one, undefined)).toBe(one);
  expect(joinEndorsements(undefined, other)).toBe(other);
});
