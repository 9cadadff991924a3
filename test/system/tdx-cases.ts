/**
 * Simulated TDX evidence, good and with one fault each, for what must come out alike everywhere.
 *
 * @module
 */
import {
  type CollateralChanges,
  distinguishedName,
  type ForgedQuoteOptions,
  forgeCollateral,
  forgePki,
  forgeQuote,
  generateKeyPair,
  type PkiChanges,
  revoking,
  unknownCritical,
  withBit,
  withExtension,
  withTcbStatus,
  zeroR,
  zeroS,
} from '@vitrine/simulator/faults';
import { caseOf, fileOf } from './cases.ts';
import type { Case } from './judge.ts';

/** When everything here is judged. */
export const NOW: Date = new Date('2026-06-15T12:00:00Z');
const LATER = new Date('2026-12-15T12:00:00Z');

interface Fault {
  readonly pki?: PkiChanges;
  readonly quote?: ForgedQuoteOptions;
  readonly collateral?: CollateralChanges | 'none';
  readonly at?: Date;
  readonly preset?: Case['preset'];
  readonly anchor?: 'none';
}

const FAULTS: Readonly<Record<string, Fault>> = {
  good: {},
  'good, strict': { preset: 'strict' },
  'good, default': { preset: 'default' },
  'no anchor': { anchor: 'none' },
  'no collateral': { collateral: 'none' },
  'half a year later': { at: LATER },
  'before it was made': { at: new Date('2020-01-01T00:00:00Z') },
  // Header, body and signatures.
  'quote version 5 with the layout of 4': { quote: { after: (good) => Uint8Array.from(good.with(0, 5)) } },
  'debug TD': { quote: { body: (good) => ({ ...good, tdAttributes: withBit(good.tdAttributes, 0, true) }) } },
  'no SEPT_VE_DISABLE': {
    quote: { body: (good) => ({ ...good, tdAttributes: withBit(good.tdAttributes, 28, false) }) },
  },
  'quote signature with r = 0': { quote: { quoteSignature: zeroR } },
  'quote signature with s = 0': { quote: { quoteSignature: zeroS } },
  'quote signed by another key': { quote: { quoteSigner: generateKeyPair() } },
  'attestation key off the curve': {
    quote: { attestationPoint: (good) => Uint8Array.from(good.with(63, (good[63] ?? 0) ^ 1)) },
  },
  'attestation key of zeros': { quote: { attestationPoint: () => new Uint8Array(64) } },
  'quoting enclave signed by another key': { quote: { qeReportSigner: generateKeyPair() } },
  'quoting enclave in debug mode': {
    quote: { qeReport: (good) => ({ ...good, attributes: withBit(good.attributes, 1, true) }) },
  },
  'no authentication data': { quote: { authData: new Uint8Array() } },
  'text outside ASCII as certificate chain': {
    quote: { certificationData: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
  },
  'certificates with bytes from 0x80 between them': {
    quote: { certificationData: Uint8Array.from([0x80, 0x9f, 0xa0, 0xff, 0xc3, 0xa9]) },
  },
  'trailing zeros': { quote: { after: (good) => Uint8Array.from([...good, 0, 0, 0]) } },
  'a trailing byte': { quote: { after: (good) => Uint8Array.from([...good, 1]) } },
  'one byte too few': { quote: { after: (good) => good.slice(0, -1) } },
  'the header alone': { quote: { after: (good) => good.slice(0, 48) } },
  'nothing at all': { quote: { after: () => new Uint8Array() } },
  // Certificates and revocation lists.
  'expired PCK certificate': { pki: { pck: (good) => ({ ...good, notAfter: new Date('2026-06-15T11:00:00Z') }) } },
  'intermediate of another name': {
    pki: { intermediate: (good) => ({ ...good, subject: distinguishedName('Zwischenstelle für Schlüssel €') }) },
  },
  'unknown critical extension': {
    pki: { pck: (good) => ({ ...good, extensions: withExtension(good.extensions, unknownCritical) }) },
  },
  'P-384 in the PCK certificate': { pki: { pck: (good) => ({ ...good, key: generateKeyPair('P-384') }) } },
  'PCK certificate signed by another key': { pki: { pck: (good) => ({ ...good, signer: generateKeyPair() }) } },
  'revoked PCK certificate': { collateral: { pckCrl: revoking('pck') } },
  'revoked intermediate': { collateral: { rootCrl: revoking('intermediate') } },
  'garbage as revocation list': { collateral: { after: (good) => ({ ...good, pck_crl: '00' }) } },
  // TCB info and QE identity.
  'out-of-date TCB with advisories': { collateral: { tcbInfo: withTcbStatus('OutOfDate', ['INTEL-SA-00837']) } },
  'revoked TCB': { collateral: { tcbInfo: withTcbStatus('Revoked') } },
  'unknown TCB status in other scripts': { collateral: { tcbInfo: withTcbStatus('На уровне \u{1f600}') } },
  'duplicate key in TCB info': { collateral: { tcbInfoText: (good) => good.replace('{', '{"id":"TDX",') } },
  'inexact number in TCB info': {
    collateral: {
      tcbInfoText: (good) => good.replace(/"tcbEvaluationDataNumber":\d+/, '"tcbEvaluationDataNumber":1e400'),
    },
  },
  'changed TCB info': { collateral: { after: (good) => ({ ...good, tcb_info: `${good.tcb_info} ` }) } },
  'no levels': { collateral: { tcbInfo: (good) => ({ ...good, tcbLevels: [] }) } },
  'another product in the QE identity': { collateral: { qeIdentity: (good) => ({ ...good, isvprodid: 1 }) } },
};

/** One case for each fault, and the good ones. */
export function tdxCases(): readonly Case[] {
  const good = forgePki({ now: NOW });
  return Object.entries(FAULTS).map(([name, { pki: changes, quote, collateral, at, preset, anchor }]) => {
    const pki = changes === undefined ? good : forgePki({ now: NOW, ...changes });
    return caseOf(`TDX: ${name}`, forgeQuote(pki, quote), {
      at: (at ?? NOW).toISOString(),
      endorsements: collateral === 'none' ? [] : [fileOf(forgeCollateral(pki, collateral))],
      ...(preset === undefined ? {} : { preset }),
      ...(anchor === 'none' ? {} : { simulatorRoot: pki.rootPem }),
    });
  });
}
