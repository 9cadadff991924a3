/**
 * Certificates and revocation lists with one element too many, or in a form that is not DER's. Each
 * would let one signed text be read in two ways, so it is refused whoever signed it.
 *
 * @module
 */
import { derBoolean, derContext, derInteger, derSequence, derTime } from '@vitrine/attester';
import { concatBytes, fromHex } from '@vitrine/documents';
import { forgeCollateral, forgePki, pemChain, revoking } from '@vitrine/simulator/faults';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type DerElement, openDer, readDer, Tag } from '../asn1/der.ts';
import { RefusalError } from '../refusal.ts';
import { NOW } from '../testing/forged.ts';
import { parseCertificate } from './certificate.ts';
import { parseChain, parseDerChain } from './chain.ts';
import { parseRevocationList } from './crl.ts';
import { INTEL_PROFILE } from './profile.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Parts = readonly Uint8Array[];

const pki = forgePki({ now: NOW });
const authority = Uint8Array.from(pki.intermediate.der);
const leaf = Uint8Array.from(pki.pck.der);
const list = Uint8Array.from(fromHex(forgeCollateral(pki, { pckCrl: revoking('pck') }).pck_crl) ?? []);
const NULL = Uint8Array.of(5, 0);

/** `der` with the elements inside the one at `path` replaced by what `change` makes of them. */
function edited(der: Bytes, path: readonly number[], change: (parts: Parts) => Parts): Bytes {
  const [tag = 0] = der;
  const parts = openDer(elementOf(der), 'test').elements.map((element) => Uint8Array.from(element.der));
  const [place, ...rest] = path;
  const made: Parts =
    place === undefined
      ? change(parts)
      : parts.map((part, index) => (index === place ? edited(part, rest, change) : part));
  const plain = derSequence(...made);
  return Uint8Array.of(tag, ...plain.slice(1));
}

function elementOf(der: Bytes): DerElement {
  return readDer(der, der[0] ?? 0, 'test');
}

const appended = (parts: Parts): Parts => [...parts, NULL];
/** The last element of the body of a certificate or list: its extensions. */
const bodyOf = (der: Bytes): number =>
  openDer(openDer(elementOf(der), 'test').elements[0] ?? elementOf(der), 'test').elements.length - 1;
/** A certificate whose basic constraints are `parts` alone. */
function constrained(der: Bytes, ...parts: Parts): Bytes {
  return edited(der, [0, bodyOf(der), 0], (extensions) =>
    extensions.map((extension) => {
      const bytes = Uint8Array.from(extension);
      const hex = Buffer.from(bytes).toString('hex');
      if (!hex.includes('0603551d13')) return extension;
      return edited(bytes, [], (fields) => [...fields.slice(0, -1), Uint8Array.from(octets(derSequence(...parts)))]);
    }),
  );
}

function octets(content: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(Tag.octetString, content.length), content);
}

/** An extension that is not critical; `oid` in DER. */
function octetsOf(oid: string, value: Uint8Array): Uint8Array {
  return derSequence(fromHex(oid) ?? NULL, octets(value));
}

const ENTRIES = 5;
const entry = (change: (parts: Parts) => Parts): Bytes => edited(list, [0, ENTRIES, 0], change);

describe('a certificate', () => {
  const cases: readonly [what: string, der: Bytes, message: RegExp][] = [
    ['of version 2', edited(leaf, [0, 0], () => [derInteger(1)]), /not X.509 version 3/],
    ['with two versions', edited(leaf, [0, 0], (parts) => [...parts, derInteger(2)]), /more elements/],
    ['with a third time of validity', edited(leaf, [0, 4], (parts) => [...parts, derTime(NOW)]), /more elements/],
    ['with two lists of extensions', edited(leaf, [0, bodyOf(leaf)], appended), /more elements/],
    ['with something after its extensions', edited(leaf, [0], appended), /more elements/],
    ['with something after its signature', edited(leaf, [], appended), /more elements/],
    ['that says it is no authority', constrained(leaf, derBoolean(false)), /default value written out/],
    ['that is no authority and limits its path', constrained(leaf, derInteger(0)), /path length without/],
    [
      'with something after its path length',
      constrained(authority, derBoolean(true), derInteger(0), NULL),
      /more elements/,
    ],
  ];
  for (const [what, der, message] of cases) {
    promise('P7', `${what} is refused`, () => {
      expect(() => parseCertificate(der, 'certificate')).toThrow(RefusalError);
      expect(() => parseCertificate(der, 'certificate')).toThrow(message);
    });
  }

  test('that is put together again from its parts is read', () => {
    expect(edited(leaf, [0, bodyOf(leaf), 0], (parts) => parts)).toEqual(leaf);
    expect(parseCertificate(constrained(authority, derBoolean(true)), 'certificate')).toMatchObject({
      isAuthority: true,
      pathLength: undefined,
    });
    expect(parseCertificate(constrained(leaf), 'certificate').isAuthority).toBe(false);
  });

  test('may be as long as its profile says, and no longer', () => {
    const read = (maxBytes: number) => () => parseCertificate(leaf, 'certificate', { ...INTEL_PROFILE, maxBytes });
    expect(read(leaf.length)).not.toThrow();
    expect(read(leaf.length - 1)).toThrow(/longer than/);
  });

  promise('P7', 'is named by its place in the chain, and no certificate is no chain', () => {
    expect(() => parseDerChain([leaf, leaf.subarray(1)], 'chain', INTEL_PROFILE)).toThrow(/^chain, certificate 2/);
    expect(() => parseChain(pemChain([leaf, leaf.subarray(1)]), 2, 'chain')).toThrow(/^chain, certificate 2/);
    expect(() => parseDerChain([], 'chain', INTEL_PROFILE)).toThrow(/^chain: empty/);
  });

  promise('P7', 'may have serial number zero only under a profile that says so', () => {
    const zero = edited(leaf, [0], (parts) => parts.map((part, index) => (index === 1 ? derInteger(0) : part)));
    expect(parseCertificate(zero, 'certificate', { ...INTEL_PROFILE, serialNumber: 'any' }).serial).toBe('00');
    expect(() => parseCertificate(zero, 'certificate', { ...INTEL_PROFILE, serialNumber: 'positive' })).toThrow(
      /serial number is zero/,
    );
    expect(parseCertificate(leaf, 'certificate', { ...INTEL_PROFILE, serialNumber: 'positive' }).der).toEqual(leaf);
  });

  promise('P7', 'without basic constraints is no authority, where the profile allows that at all', () => {
    const bare = edited(authority, [0, bodyOf(authority), 0], (extensions) =>
      extensions.filter((extension) => !Buffer.from(extension).toString('hex').includes('0603551d13')),
    );
    expect(parseCertificate(bare, 'certificate', { ...INTEL_PROFILE, required: [] })).toMatchObject({
      isAuthority: false,
      pathLength: undefined,
    });
    expect(() => parseCertificate(bare, 'certificate')).toThrow(/no basic constraints/);
  });
});

describe('a revocation list', () => {
  const cases: readonly [what: string, der: Bytes, message: RegExp][] = [
    ['with two lists of extensions', edited(list, [0, bodyOf(list)], appended), /more elements/],
    ['with something after its extensions', edited(list, [0], appended), /more elements/],
    ['with something after its signature', edited(list, [], appended), /more elements/],
    ['with an empty list of entries', edited(list, [0, ENTRIES], () => []), /empty list of revoked/],
    [
      'with an entry that is none',
      edited(list, [0, ENTRIES], () => [derContext(0, derInteger(1), derTime(NOW))]),
      /malformed entry/,
    ],
    ['with an entry without a date', entry(([serial = NULL]) => [serial]), /without a revocation date/],
    ['with an entry of no date', entry(([serial = NULL]) => [serial, Uint8Array.of(0x17, 1, 0x30)]), /revocation date/],
    ['with an entry with something after it', entry(appended), /more elements/],
  ];
  for (const [what, der, message] of cases) {
    promise('P7', `${what} is refused`, () => {
      expect(() => parseRevocationList(der, 'list')).toThrow(RefusalError);
      expect(() => parseRevocationList(der, 'list')).toThrow(message);
    });
  }

  promise('P7', 'revokes by entries with extensions other than a reason, too', () => {
    const invalidity = derSequence(fromHex('0603551d18') ?? NULL, octets(derTime(NOW)));
    const good = parseRevocationList(list, 'list');
    const read = parseRevocationList(
      entry(([serial = NULL, time = NULL]) => [serial, time, derSequence(invalidity)]),
      'list',
    );
    expect([...read.revoked]).toEqual([...good.revoked]);
    expect(read.revoked.size).toBe(2);
  });

  promise('P7', 'is read entry by entry: what was good in one says nothing about the next', () => {
    const INVALIDITY = octetsOf('0603551d18', derTime(NOW));
    const reason = (code: number): Uint8Array => octetsOf('0603551d15', Uint8Array.of(0x0a, 1, code));
    const issuer = octetsOf('0603551d1d', derSequence());
    const pair = (...extensions: readonly (readonly Uint8Array[])[]): Bytes =>
      edited(list, [0, ENTRIES], () =>
        extensions.map((some, index) =>
          derSequence(derInteger(index + 1), derTime(NOW), ...(some.length === 0 ? [] : [derSequence(...some)])),
        ),
      );
    const read = (...extensions: readonly (readonly Uint8Array[])[]): number =>
      parseRevocationList(pair(...extensions), 'list').revoked.size;
    expect(read([reason(1)], [reason(1)], [reason(4)], [INVALIDITY], [], [reason(1)])).toBe(6);
    // One byte apart, in the last and in the first place that can differ, then in length.
    expect(() => read([reason(1)], [reason(8)])).toThrow(/an entry to remove/);
    expect(() => read([reason(9)], [reason(8)])).toThrow(/an entry to remove/);
    expect(() => read([], [reason(8)])).toThrow(/an entry to remove/);
    expect(() => read([reason(8)], [reason(8)])).toThrow(/an entry to remove/);
    expect(() => read([reason(1)], [INVALIDITY, reason(8)])).toThrow(/an entry to remove/);
    expect(() => read([reason(1)], [reason(1), issuer])).toThrow(/entries of other issuers/);
    expect(() => read([INVALIDITY, reason(1)], [reason(8)])).toThrow(/an entry to remove/);
    expect(() => read([reason(1)], [octetsOf('0603551d16', Uint8Array.of(0x0a, 1, 1)), issuer])).toThrow(
      /other issuers/,
    );
  });

  promise('P7', 'revokes by entries without extensions, too', () => {
    const read = parseRevocationList(
      entry(([serial = NULL, time = NULL]) => [serial, time]),
      'list',
    );
    expect([...read.revoked]).toEqual([...parseRevocationList(list, 'list').revoked]);
  });

  promise('P7', 'without entries revokes nothing', () => {
    const none = edited(list, [0], (parts) => parts.filter((_, index) => index !== ENTRIES));
    expect(parseRevocationList(none, 'list').revoked.size).toBe(0);
  });
});
