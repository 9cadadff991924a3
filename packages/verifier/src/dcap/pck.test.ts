import { derInteger, derOctetString, derOid, derSequence } from '@vitrine/attester';
import { forgePki, sgxExtension, withExtension } from '@vitrine/simulator/faults';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openDer, readDer, Tag } from '../asn1/der.ts';
import { RefusalError } from '../refusal.ts';
import { NOW } from '../testing/forged.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { parsePckClaims } from './pck.ts';

const SGX = '1.2.840.113741.1.13.1';
const pki = forgePki({ now: NOW });
const good = Uint8Array.from(sgxExtension(pki.platform).value);
/** The parts of the good extension: PPID, TCB, PCE id, FMSPC, SGX type, platform instance id, configuration. */
const parts = openDer(readDer(good, Tag.sequence, 'extension'), 'extension').elements.map(({ der }) => der);
const part = (index: number): Uint8Array<ArrayBuffer> => parts[index] ?? new Uint8Array();
const without = (...indexes: readonly number[]): readonly Uint8Array[] =>
  parts.filter((_, index) => !indexes.includes(index));
const replaced = (index: number, der: Uint8Array): readonly Uint8Array[] => parts.with(index, Uint8Array.from(der));
const field = (id: string, value: Uint8Array): Uint8Array => derSequence(derOid(`${SGX}.${id}`), value);

function claimsOf(extension: Uint8Array) {
  const { pck } = forgePki({
    now: NOW,
    platform: pki.platform,
    pck: (certificate) => ({
      ...certificate,
      extensions: withExtension(certificate.extensions, { oid: SGX, critical: false, value: extension }),
    }),
  });
  return parsePckClaims(parseCertificate(Uint8Array.from(pck.der), 'certificate'));
}

describe('the SGX extension', () => {
  test('of a processor CA has neither platform instance id nor configuration', () => {
    expect(claimsOf(derSequence(...without(5, 6))).platformInstanceId).toBeUndefined();
  });

  test('may have its parts in any order', () => {
    expect(claimsOf(derSequence(...parts.toReversed()))).toEqual(claimsOf(good));
  });

  const refused: readonly [name: string, extension: () => Uint8Array][] = [
    ['empty', () => derSequence()],
    ['without PPID', () => derSequence(...without(0))],
    ['without TCB', () => derSequence(...without(1))],
    ['without PCE id', () => derSequence(...without(2))],
    ['without FMSPC', () => derSequence(...without(3))],
    ['without SGX type', () => derSequence(...without(4))],
    ['with FMSPC twice', () => derSequence(...parts, part(3))],
    [
      'with another FMSPC in the second place',
      () => derSequence(...parts, field('4', derOctetString(new Uint8Array(6)))),
    ],
    ['with an unknown part', () => derSequence(...parts, field('8', derInteger(1)))],
    ['with FMSPC as a number', () => derSequence(...replaced(3, field('4', derInteger(1))))],
    ['with a PPID of 15 bytes', () => derSequence(...replaced(0, field('1', derOctetString(new Uint8Array(15)))))],
    ['with an empty TCB', () => derSequence(...replaced(1, field('2', derSequence())))],
    [
      'with a configuration of numbers',
      () => derSequence(...replaced(6, field('7', derSequence(field('7.1', derInteger(1)))))),
    ],
    ['with a configuration that is none', () => derSequence(...replaced(6, field('7', derInteger(1))))],
    ['with a part that is no pair', () => derSequence(...parts, derSequence(derOid(`${SGX}.4`)))],
    [
      'with a part of three',
      () => derSequence(...parts, derSequence(derOid(`${SGX}.8`), derInteger(1), derInteger(1))),
    ],
    ['with a byte after its end', () => Uint8Array.of(...good, 0)],
    ['that is a set', () => Uint8Array.from(good.with(0, 0x31))],
  ];
  for (const [name, extension] of refused) {
    promise('P7', `${name} is refused`, () => expect(() => claimsOf(extension())).toThrow(RefusalError));
  }

  const tcb: readonly [name: string, change: (entries: readonly Uint8Array[]) => readonly Uint8Array[]][] = [
    ['without component 16', (entries) => entries.filter((_, index) => index !== 15)],
    ['without PCESVN', (entries) => entries.filter((_, index) => index !== 16)],
    ['without CPUSVN', (entries) => entries.filter((_, index) => index !== 17)],
    ['with component 1 twice', (entries) => [...entries, ...entries.slice(0, 1)]],
    ['with a part too many', (entries) => [...entries, field('2.19', derInteger(1))]],
    ['with a component of 256', (entries) => entries.with(0, field('2.1', derInteger(256)))],
    ['with a negative component', (entries) => entries.with(0, field('2.1', Uint8Array.of(2, 1, 0xff)))],
    ['with a PCESVN of 65536', (entries) => entries.with(16, field('2.17', derInteger(65536)))],
    ['with a CPUSVN of 15 bytes', (entries) => entries.with(17, field('2.18', derOctetString(new Uint8Array(15))))],
  ];
  for (const [name, change] of tcb) {
    promise('P7', `a TCB ${name} is refused`, () => {
      const [, list] = openDer(readDer(part(1), Tag.sequence, 'part'), 'part').elements;
      const entries = list === undefined ? [] : openDer(list, 'TCB').elements.map(({ der }) => der);
      const changed = field('2', derSequence(...change(entries)));
      expect(() => claimsOf(derSequence(...replaced(1, changed)))).toThrow(RefusalError);
    });
  }
});
