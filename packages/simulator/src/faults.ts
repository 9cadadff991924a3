/**
 * Faults: evidence and endorsements that are wrong in exactly one way, for tests of verifiers.
 *
 * Everything starts from something good. A change gets the good value of one layer, as data, and
 * returns what to use instead; then that layer and all above it are encoded and signed, so the
 * change is the only thing wrong. Nothing here touches files; only keys, serial numbers and machine
 * names are random. Without changes, a complete DCAP verification with `pki.rootPoint` as anchor
 * accepts the result at `pki.now`.
 *
 * ```ts
 * const pki = forgePki({ now });
 * const quote = forgeQuote(pki, { reportData });
 * const collateral = forgeCollateral(pki);
 * ```
 *
 * Certificates ({@link forgePki}; keys of issuers that were changed sign what is below them):
 * - expired: `pck: (good) => ({ ...good, notAfter: past })`; likewise `notBefore`, `serial`,
 *   `version`, `signatureAlgorithm` (names another algorithm; the signature stays ECDSA with SHA-256).
 * - wrong name: `intermediate: (good) => ({ ...good, subject: distinguishedName('Somebody') })`;
 *   a name that does not chain: change `issuer`.
 * - not a CA: `intermediate: (good) => ({ ...good, extensions: withExtension(good.extensions, basicConstraints('leaf')) })`;
 *   path length, key usage, a missing one (`withoutExtension(good.extensions, OID)`) and an unknown
 *   critical one (`withExtension(good.extensions, unknownCritical)`) likewise.
 * - foreign root with the same subject: take quote or collateral from a second `forgePki`.
 * - wrong key type: `pck: (good) => ({ ...good, key: generateKeyPair('P-384') })` or `generateRsaKeyPair()`;
 *   where a root gets another key, give it as `signer` too.
 * - signed by somebody else: `pck: (good) => ({ ...good, signer: generateKeyPair() })`.
 * - machine: `platform: { ppid, fmspc, pceId, componentSvns, pceSvn, platformInstanceId, … }`.
 *   TCB info follows it: for a mismatch change `tcbInfo.fmspc` or `pceId` instead.
 *
 * Revocation lists ({@link forgeCollateral}, `rootCrl` and `pckCrl`):
 * - revoked: `pckCrl: revoking('pck')`, `rootCrl: revoking('intermediate')` or `revoking('tcbSigning')`.
 * - wrong issuer: `pckCrl: (good, pki) => ({ ...good, issuer: pki.root.subject, signer: pki.root.key })`.
 * - expired: `nextUpdate`; from the future: `thisUpdate`; without an end: `nextUpdate: undefined`;
 *   v1: `version: 1, extensions: []`; unknown critical extension: `withExtension(…, unknownCritical)`,
 *   in the list or in an entry of `revoked`.
 * - garbage: `after: (good) => ({ ...good, pck_crl: '00' })`.
 *
 * TCB info and QE identity ({@link forgeCollateral}):
 * - as objects: `tcbInfo: (good) => ({ ...good, tcbLevels: [] })`; {@link withTcbStatus} makes the level that
 *   matches say Revoked, SWHardeningNeeded, ConfigurationNeeded…; {@link withModuleIdentities} changes the
 *   TDX module's; `qeIdentity: (good) => ({ ...good, isvprodid: 1 })`; `tcbEvaluationDataNumber` in one alone.
 * - as texts: `tcbInfoText: (good) => good.replace(…)`, for what JSON.stringify would not write.
 * - by the wrong signer: `tcbInfoSigner: { key: pki.pck.key, chain: [pki.pck.der, pki.intermediate.der, pki.root.der] }`.
 * - bad signature: `tcbInfoSignature: zeroR`; changed after signing: `after`.
 *
 * Quote ({@link forgeQuote}):
 * - `header: (good) => ({ ...good, version: 5 })`, with `td15` in the body for TD 1.5 and `bodyDescriptor`;
 *   `enclave: (good) => good` makes it an SGX quote, with {@link forSgx} for its endorsements; `body: (good) => ({ ...good, tdAttributes: … })` for a
 *   debug TD, SEPT_VE_DISABLE off, reserved bits, XFAM, MRSIGNERSEAM, SEAMATTRIBUTES, TEE_TCB_SVN, registers.
 *   {@link withBit} sets or clears one bit.
 * - QE: `qeReport: (good) => ({ ...good, isvSvn: 0 })`, debug attributes, and the binding:
 *   `reportData` in it with another first half, or a second half that is not zero.
 * - signatures: `quoteSignature: zeroR`, `zeroS` or any change; `quoteSigner`, `qeReportSigner`: another key;
 *   `attestationPoint`: a point that is not on the curve.
 * - `chain`, `certificationData`, `certificationDataType`, `outerCertificationDataType`, `authData`.
 * - the finished bytes: `after: (good) => concat(good, garbage)`, or a flip or cut anywhere.
 *
 * {@link forgeSource} wraps both as a quote source, for whatever speaks to an enclave.
 *
 * @module
 */
import type { QuoteSource } from '@vitrine/attester';
import type { DcapCollateral } from '@vitrine/documents';
import { type CollateralChanges, makeCollateral, pemChain } from './collateral.ts';
import { generateKeyPair, type KeyPair, pointOf } from './keys.ts';
import { createPki, type Pki, type PkiChanges } from './pki.ts';
import { makeQuote, type QuoteChanges } from './quote.ts';
import { launchRegisters, registerClaims } from './registers.ts';

export {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateExtension,
  crlDistributionPoint,
  type DistinguishedName,
  type KeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '@vitrine/attester';
export {
  type CertificateChange,
  type CertificateDescription,
  type IssuedCertificate,
  withExtension,
  withoutExtension,
} from './certificate.ts';
export { type CollateralChanges, pemChain, type TextSigner } from './collateral.ts';
export {
  forSgx,
  revoking,
  unknownCritical,
  withBit,
  withModuleIdentities,
  withTcbStatus,
  zeroR,
  zeroS,
} from './fault-helpers.ts';
export { generateKeyPair, generateRsaKeyPair, type KeyPair, pointOf, signRaw } from './keys.ts';
export { distinguishedName, type Pki, type PkiChanges, SIMULATOR_ROOT_NAME } from './pki.ts';
export { type Platform, sgxExtension } from './platform.ts';
export type { QeIdentity, QeReport } from './qe-identity.ts';
export type { BodyDescriptor, QuoteChanges } from './quote.ts';
export { type CrlDescription, type RevokedEntry, revokedEntry } from './revocation-list.ts';
export type { ModuleTcbLevel, TcbInfo, TcbLevel, TdxModuleIdentity } from './tcb-info.ts';
export type { QuoteHeader, TdBody } from './td-body.ts';

export interface ForgedPki extends Pki {
  /** The time for which everything was made. */
  readonly now: Date;
  /** The root's public key x ‖ y, 64 bytes: the anchor under which the evidence is good. */
  readonly rootPoint: Uint8Array<ArrayBuffer>;
  /** The root certificate in PEM. */
  readonly rootPem: string;
}

/** A fresh PKI, good unless changed. Certificates are valid from the day before `now`. */
export function forgePki(options: PkiChanges & { readonly now: Date }): ForgedPki {
  const { now, ...changes } = options;
  const pki = createPki(now, changes);
  // A root without a point (RSA) can be made on purpose; it has no anchor of this form.
  const isCurve = pki.root.key.privateKey.asymmetricKeyType === 'ec';
  return {
    ...pki,
    now,
    rootPoint: isCurve ? pointOf(pki.root.key) : new Uint8Array(),
    rootPem: pemChain([pki.root.der]),
  };
}

export interface ForgedQuoteOptions extends QuoteChanges {
  /** 64 bytes; zero unless given. */
  readonly reportData?: Uint8Array;
  /** Extended into RTMR3; 96 lower-case hexadecimal digits, zeros unless given. */
  readonly manifestDigest?: string;
  /** Names the release in the labels behind MRTD and RTMR0 to 2; `test` unless given. */
  readonly release?: string;
  /** A fresh P-256 key unless given. */
  readonly attestationKey?: KeyPair;
}

/** A TDX v4 quote of the simulated machine (or another kind, by changes), good unless changed. */
export function forgeQuote(pki: Pki, options: ForgedQuoteOptions = {}): Uint8Array<ArrayBuffer> {
  const registers = launchRegisters(options.release ?? 'test', options.manifestDigest ?? '00'.repeat(48));
  const claims = registerClaims(registers, options.reportData ?? new Uint8Array(64));
  return makeQuote(pki, options.attestationKey ?? generateKeyPair(), claims, options);
}

/** Collateral for the machine, issued an hour before `pki.now` or `now`, good unless changed. */
export function forgeCollateral(
  pki: ForgedPki,
  options: CollateralChanges & { readonly now?: Date } = {},
): DcapCollateral {
  return makeCollateral(pki, options.now ?? pki.now, options);
}

export interface ForgedSourceOptions {
  readonly manifestDigest: string;
  readonly quote?: Omit<ForgedQuoteOptions, 'reportData' | 'manifestDigest'>;
  /** `'none'` sends no endorsements along. */
  readonly collateral?: CollateralChanges | 'none';
}

/** A quote source whose every quote has the same fault. */
export function forgeSource(pki: ForgedPki, options: ForgedSourceOptions): QuoteSource {
  const { manifestDigest, collateral } = options;
  return {
    technology: 'tdx',
    quote: async (reportData) => forgeQuote(pki, { ...options.quote, manifestDigest, reportData }),
    endorsements: async () =>
      collateral === 'none' ? undefined : { type: 'vitrine/endorsements/v1', dcap: [forgeCollateral(pki, collateral)] },
  };
}
