import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type DenyList, denyListShape, denyListSigned, MAX_DENY_LIST_BYTES, parseDenyList } from './deny-list.ts';
import { toHex } from './encoding.ts';
import { UsageError } from './errors.ts';
import { ABSENT, changed } from './testing/changed.ts';

interface Vector {
  readonly denyList: DenyList;
  readonly signed: string;
}
const { denyList, signed } = JSON.parse(
  readFileSync(new URL('../vectors/deny-list.json', import.meta.url), 'utf8'),
) as Vector;

promise('P2', 'what is signed of a deny-list is that of the published vector', () => {
  expect(parseDenyList(JSON.stringify(denyList), 'list.json')).toEqual(denyList);
  expect(toHex(denyListSigned(denyList))).toBe(signed);
  expect(denyList.signatures).toHaveLength(2);
  for (const { key, signature } of denyList.signatures) {
    const x = Buffer.from(key, 'hex').toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    expect(verify(null, Buffer.from(signed, 'hex'), publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
  }
});

promise('P2', 'everything in a deny-list but its signatures is signed', () => {
  for (const [path, value] of [
    ['name', 'other'],
    ['number', 8],
    ['issued', '2026-11-20T09:00:01Z'],
    ['denied', []],
    ['denied.0.manifest', 'ac'.repeat(48)],
    ['denied.0.reason', 'nothing'],
    ['denied.1.technology', 'snp'],
    ['denied.1.registers.mrtd', 'ce'.repeat(48)],
    ['denied.2.application', 'mail'],
    ['denied.2.below', 2],
    ['minimum', []],
    ['minimum.0.application', 'mail'],
    ['minimum.0.number', 4],
  ] as const) {
    expect(toHex(denyListSigned(changed(denyList, path, value) as DenyList)), path).not.toBe(signed);
  }
  expect(toHex(denyListSigned({ ...denyList, signatures: [] } as DenyList))).toBe(signed);
});

for (const [path, bad] of Object.entries({
  type: ['vitrine/deny-list/v2', 'vitrine/release/v1', 1, ABSENT],
  name: ['', '.x', 'x.', 'Vendor', 'a b', '../x', 'a/b', 'a'.repeat(65), 1, ABSENT],
  number: [0, -1, 1.5, '7', 2 ** 53, null, ABSENT],
  issued: ['2026-11-20', '2026-11-20T09:00:00+01:00', '2026-02-30T09:00:00Z', 'now', 1, ABSENT],
  denied: [null, {}, ABSENT],
  'denied.0': [null, {}, [], 'x', { reason: 'nothing' }],
  'denied.0.manifest': ['ab'.repeat(47), 'AB'.repeat(48), 1],
  'denied.0.reason': ['', 'two\nlines', '\u001b[1m', 'a\u2028b', 'x'.repeat(201), 1],
  'denied.0.below': [3],
  'denied.1.technology': ['', 'TDX', 1],
  'denied.1.registers': [{}, null, { mrtd: '' }, { mrtd: 'cd' }, { MRTD: 'cd'.repeat(48) }, ABSENT],
  'denied.2.application': ['', 'a b', 1],
  'denied.2.below': [0, 1, '3', ABSENT],
  minimum: [null, {}, ABSENT],
  'minimum.0.number': [0, '5', ABSENT],
  'minimum.0.reason': ['x'],
  signatures: [null, {}, ABSENT],
  'signatures.0.key': ['01'.repeat(31), 'AB'.repeat(32), ABSENT],
  'signatures.0.signature': ['A'.repeat(85), `${'A'.repeat(86)}=`, ABSENT],
  expires: ['2027-01-01T00:00:00Z'],
} as Readonly<Record<string, readonly unknown[]>>)) {
  promise('P2', `a deny-list with a wrong ${path} is none`, () => {
    for (const value of bad) {
      expect(denyListShape.parse(changed(denyList, path, value)).ok, String(value).slice(0, 40)).toBe(false);
    }
  });
}

promise('P2', 'of any text the reader makes a list or a mistake that names the file, and nothing else', () => {
  const members = fc.constantFrom(...Object.keys(denyList), 'more');
  const documents = fc.oneof(
    fc.string(),
    fc.json(),
    fc.tuple(members, fc.jsonValue()).map(([name, value]) => JSON.stringify({ ...denyList, [name]: value })),
    fc.tuple(fc.nat(1_000), fc.string()).map(([at, text]) => {
      const whole = JSON.stringify(denyList);
      return whole.slice(0, at) + text + whole.slice(at);
    }),
  );
  fc.assert(
    fc.property(documents, (text) => {
      try {
        const read = parseDenyList(text, 'list.json');
        expect(denyListShape.parse(JSON.parse(text))).toEqual({ ok: true, value: read });
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).toContain('list.json');
      }
    }),
    { numRuns: 400 },
  );
});

promise('P2', 'a list that is too large, or says a thing twice, is not read', () => {
  const code = (text: string): unknown => {
    try {
      return parseDenyList(text, 'list.json');
    } catch (error) {
      return (error as UsageError).code;
    }
  };
  expect(code(' '.repeat(MAX_DENY_LIST_BYTES + 1))).toBe('denylist.too-large');
  expect(code(JSON.stringify(denyList).replace('"number":7', '"number":7,"number":8'))).toBe('document.syntax');
});
