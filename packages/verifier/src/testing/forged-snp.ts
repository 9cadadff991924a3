/**
 * Forged SEV-SNP evidence for this package's tests: good in everything, except for what a test
 * changes. The PKI has AMD's shape (RSA-4096 authorities, RSASSA-PSS, P-384 leaves) and its own keys,
 * which take seconds to make: one set serves all tests of a file.
 *
 * @module
 */
import { constants, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateExtension,
  type DistinguishedName,
  derBitString,
  derContext,
  derInteger,
  derOid,
  derSequence,
  derTime,
  derUnsigned,
  encodeExtensions,
  encodeName,
  keyUsage,
} from '@vitrine/attester';
import type { SnpAnchor } from '../snp/anchors.ts';
import type { SnpPolicy } from '../snp/policy.ts';
import { type SnpProduct, tcbArcs } from '../snp/product.ts';
import { type SnpInputs, verifySnp } from '../snp/verify-snp.ts';
import type { HardwareOutcome } from '../technology.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** When everything here is judged, unless a test says otherwise. */
export const SNP_NOW: Date = new Date('2026-06-15T12:00:00Z');
const day = (days: number): Date => new Date(SNP_NOW.getTime() + days * 86_400_000);

/** The hardware part of the `hardware-only` preset, with a simulator's anchor. */
export const SNP_POLICY: SnpPolicy = {
  products: ['Genoa', 'Turin'],
  minimumReportVersion: 2,
  signers: ['vcek', 'vlek'],
  debug: 'refused',
  migration: 'refused',
  guestPolicy: {
    smt: 'any',
    cxl: 'refused',
    singleSocket: 'any',
    memAes256Xts: 'any',
    raplDisabled: 'any',
    ciphertextHiding: 'any',
    pageSwapDisabled: 'any',
    minimumAbi: 'any',
  },
  platformInfo: { smt: 'any', tsme: 'any', ecc: 'any', raplDisabled: 'any', tio: 'any' },
  aliasCheck: 'required',
  ciphertextHiding: 'any',
  vmpl: [0],
  provisionalFirmware: 'refused',
  minimumTcb: {
    Milan: 'any',
    Genoa: { bootloader: 10, tee: 0, snp: 23, microcode: 84 },
    Bergamo: { bootloader: 10, tee: 0, snp: 23, microcode: 0 },
    Turin: 'any',
  },
  minimumFirmware: 'any',
  mitigations: 'any',
  minimumGuestSvn: 0,
  idKeys: 'any',
  authorKeys: 'any',
  platforms: 'any',
  providers: 'any',
  revocation: 'required',
};

export interface SnpKeys {
  readonly root: KeyPair;
  readonly authority: KeyPair;
  readonly leaf: KeyPair;
}

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** PEM of the private keys of root and authority, which the run of many mutants makes once for all. */
const READY_KEYS = { root: 'VITRINE_TEST_SNP_ROOT', authority: 'VITRINE_TEST_SNP_AUTHORITY' } as const;

export async function generateSnpKeys(): Promise<SnpKeys> {
  const [root, authority, leaf] = await Promise.all([
    authorityKeys(READY_KEYS.root),
    authorityKeys(READY_KEYS.authority),
    generate('ec', { namedCurve: 'P-384' }),
  ]);
  return { root, authority, leaf };
}

async function authorityKeys(variable: string): Promise<KeyPair> {
  const pem = process.env[variable];
  if (pem === undefined) return generate('rsa', { modulusLength: 4096 });
  const privateKey = createPrivateKey(pem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** A key of another chip or fleet. */
export async function generateLeafKey(): Promise<KeyObject> {
  return (await generate('ec', { namedCurve: 'P-384' })).publicKey;
}

/** A certificate as data. */
export interface CertificateDescription {
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly serial: number;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly key: KeyObject;
  readonly extensions: readonly CertificateExtension[];
  readonly signer: KeyObject;
  /** DER AlgorithmIdentifier; the signature is always the one of {@link PSS}. */
  readonly algorithm: Bytes;
}

interface ListDescription {
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly revoked: readonly number[];
  readonly signer: KeyObject;
}

/** RSASSA-PSS with SHA-384, MGF1 with SHA-384 and the salt's length, as AMD's leaves write it. */
export function pss(saltLength: number): Bytes {
  const digest = derSequence(derOid('2.16.840.1.101.3.4.2.2'), Uint8Array.of(5, 0));
  const mask = derSequence(derOid('1.2.840.113549.1.1.8'), digest);
  const parameters = [derContext(0, digest), derContext(1, mask), derContext(2, derInteger(saltLength))];
  return Uint8Array.from(derSequence(derOid('1.2.840.113549.1.1.10'), derSequence(...parameters)));
}

export function amdName(commonName: string): DistinguishedName {
  return [
    ['C', 'US'],
    ['O', 'Test Micro Devices'],
    ['CN', commonName],
  ];
}

function extension(oid: string, value: Uint8Array): CertificateExtension {
  return { oid, critical: false, value };
}

/** IA5String. */
function ia5(text: string): Uint8Array {
  return Uint8Array.of(0x16, text.length, ...new TextEncoder().encode(text));
}

export function amdExtension(arc: string, value: Uint8Array | string): CertificateExtension {
  return extension(`1.3.6.1.4.1.3704.1.${arc}`, typeof value === 'string' ? ia5(value) : value);
}

/** Like `good`, with extensions of the same ids replaced. */
export function replacing(
  good: CertificateDescription,
  ...changed: readonly CertificateExtension[]
): CertificateDescription {
  const kept = good.extensions.filter(({ oid }) => !changed.some((one) => one.oid === oid));
  return { ...good, extensions: [...kept, ...changed] };
}

export function without(good: CertificateDescription, oid: string): CertificateDescription {
  return { ...good, extensions: good.extensions.filter((one) => one.oid !== oid) };
}

function signPss(key: KeyObject, bytes: Uint8Array): Uint8Array {
  return sign('sha384', bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 });
}

function issue(description: CertificateDescription): Bytes {
  const { subject, issuer, serial, notBefore, notAfter, key, extensions, signer, algorithm } = description;
  const signed = derSequence(
    derContext(0, derInteger(2)),
    derInteger(serial),
    algorithm,
    encodeName(issuer),
    derSequence(derTime(notBefore), derTime(notAfter)),
    encodeName(subject),
    Uint8Array.from(key.export({ type: 'spki', format: 'der' })),
    derContext(3, encodeExtensions(extensions)),
  );
  return Uint8Array.from(derSequence(signed, algorithm, derBitString(signPss(signer, signed))));
}

function issueList({ issuer, thisUpdate, nextUpdate, revoked, signer }: ListDescription): Bytes {
  const entries = revoked.map((serial) => derSequence(derUnsigned(Uint8Array.of(serial)), derTime(day(-1))));
  const signed = derSequence(
    derInteger(1),
    pss(48),
    encodeName(issuer),
    derTime(thisUpdate),
    derTime(nextUpdate),
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    derContext(0, encodeExtensions([authorityKeyIdentifier(new Uint8Array(20))])),
  );
  return Uint8Array.from(derSequence(signed, pss(48), derBitString(signPss(signer, signed))));
}

/** What a test changes in good evidence. */
export interface SnpChanges {
  /** Genoa unless given: names, TCB layout and CPUID follow it. */
  readonly product?: SnpProduct;
  readonly kind?: 'vcek' | 'vlek';
  readonly root?: (good: CertificateDescription, keys: SnpKeys) => CertificateDescription;
  readonly authority?: (good: CertificateDescription, keys: SnpKeys) => CertificateDescription;
  readonly leaf?: (good: CertificateDescription, keys: SnpKeys) => CertificateDescription;
  /** Changes the report before it is signed. */
  readonly report?: (bytes: Bytes, view: DataView) => void;
  /** Changes the report after it was signed. */
  readonly after?: (bytes: Bytes) => Bytes;
  readonly list?: (good: ListDescription, keys: SnpKeys) => ListDescription;
  /** What is given; leaf and good list unless given. */
  readonly certificates?: (pki: ForgedSnpPki) => readonly Bytes[];
  readonly lists?: (list: Bytes) => readonly Bytes[];
  readonly policy?: Partial<SnpPolicy>;
  readonly now?: Date;
  readonly anchors?: (good: SnpAnchor) => readonly SnpAnchor[];
}

interface ForgedSnpPki {
  readonly root: Bytes;
  readonly authority: Bytes;
  readonly leaf: Bytes;
}

export const AUTHORITY_SERIAL = 0x21;
export const FLEET = 'CN=test-fleet';
/** FMC or bootloader first, microcode last. */
const TCBS: Readonly<Record<SnpProduct, readonly number[]>> = {
  Milan: [4, 0, 0, 0, 0, 0, 24, 219],
  Genoa: [10, 0, 0, 0, 0, 0, 25, 84],
  Turin: [1, 2, 0, 3, 0, 0, 0, 75],
};
const CPUIDS: Readonly<Record<SnpProduct, readonly number[]>> = {
  Milan: [0x19, 0x01, 1],
  Genoa: [0x19, 0x11, 1],
  Turin: [0x1a, 0x02, 1],
};
/** Of Turin only the first eight bytes are used. */
export const CHIP_ID: Bytes = Uint8Array.from({ length: 64 }, (_, index) => index + 1);

function forgePki(keys: SnpKeys, { product = 'Genoa', kind = 'vcek', ...changes }: SnpChanges): ForgedSnpPki {
  const rootName = amdName(`ARK-${product}`);
  const authorityName = amdName(kind === 'vcek' ? `SEV-${product}` : `SEV-VLEK-${product}`);
  const common = { notBefore: day(-100), notAfter: day(1000), algorithm: pss(48) };
  const root: CertificateDescription = {
    ...common,
    subject: rootName,
    issuer: rootName,
    serial: 0x20,
    key: keys.root.publicKey,
    extensions: [basicConstraints({ pathLength: 1 }), keyUsage('keyCertSign', 'cRLSign')],
    signer: keys.root.privateKey,
  };
  const authority: CertificateDescription = {
    ...common,
    subject: authorityName,
    issuer: rootName,
    serial: AUTHORITY_SERIAL,
    key: keys.authority.publicKey,
    extensions: [basicConstraints({ pathLength: 0 }), keyUsage('keyCertSign')],
    signer: keys.root.privateKey,
  };
  const machine =
    kind === 'vlek' ? amdExtension('5', FLEET) : amdExtension('4', CHIP_ID.subarray(0, product === 'Turin' ? 8 : 64));
  const leaf: CertificateDescription = {
    ...common,
    subject: amdName(kind === 'vcek' ? 'SEV-VCEK' : 'SEV-VLEK'),
    issuer: authorityName,
    serial: 0,
    key: keys.leaf.publicKey,
    extensions: [
      amdExtension('1', derInteger(product === 'Turin' ? 1 : 0)),
      amdExtension('2', kind === 'vcek' && product !== 'Turin' ? `${product}-B0` : product),
      ...tcbArcs(product).map((arc, index) => amdExtension(`3.${arc}`, derInteger(TCBS[product][index] ?? 0))),
      machine,
    ],
    signer: keys.authority.privateKey,
  };
  return {
    root: issue(changes.root?.(root, keys) ?? root),
    authority: issue(changes.authority?.(authority, keys) ?? authority),
    leaf: issue(changes.leaf?.(leaf, keys) ?? leaf),
  };
}

/** A version 5 report of a guest that allows SMT, with a signature by `key`. */
function forgeReport(key: KeyObject, { product = 'Genoa', kind = 'vcek', report, after }: SnpChanges): Bytes {
  const bytes = new Uint8Array(0x4a0);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 5, true);
  view.setBigUint64(0x08, 0x30000n, true);
  view.setUint32(0x34, 1, true);
  view.setBigUint64(0x40, 0x25n, true);
  view.setUint32(0x48, kind === 'vlek' ? 4 : 0, true);
  bytes.fill(0x5a, 0x50, 0x90);
  bytes.fill(0xa5, 0x90, 0xc0);
  bytes.fill(0xff, 0x160, 0x180);
  for (const offset of [0x38, 0x180, 0x1e0, 0x1f0]) bytes.set(TCBS[product], offset);
  bytes.set(CPUIDS[product], 0x188);
  if (kind === 'vcek') bytes.set(CHIP_ID.subarray(0, product === 'Turin' ? 8 : 64), 0x1a0);
  for (const offset of [0x1e8, 0x1ec]) bytes.set([43, 55, 1], offset);
  view.setBigUint64(0x1f8, 1n, true);
  view.setBigUint64(0x200, 1n, true);
  report?.(bytes, view);
  const signature = sign('sha384', bytes.subarray(0, 0x2a0), { key, dsaEncoding: 'ieee-p1363' });
  setSignature(bytes, signature.subarray(0, 48), signature.subarray(48));
  return after?.(bytes) ?? bytes;
}

/** Writes r and s, given big-endian, as reports have them. */
export function setSignature(report: Bytes, r: Uint8Array, s: Uint8Array): Bytes {
  report.set(Uint8Array.from(r).reverse(), 0x2a0);
  report.set(Uint8Array.from(s).reverse(), 0x2e8);
  return report;
}

/** r and s of a report, big-endian. */
export function signatureOf(report: Uint8Array): readonly [r: Uint8Array, s: Uint8Array] {
  return [report.slice(0x2a0, 0x2d0).reverse(), report.slice(0x2e8, 0x318).reverse()];
}

/** A report, and everything that it is judged with. */
export interface ForgedSnp {
  readonly report: Bytes;
  readonly inputs: SnpInputs;
}

/** Verifies good evidence with `changes`. */
export async function verifyForgedSnp(keys: SnpKeys, changes: SnpChanges = {}): Promise<HardwareOutcome> {
  const { report, inputs } = forgeSnp(keys, changes);
  return verifySnp(report, inputs);
}

/** Good evidence with `changes`. */
export function forgeSnp(keys: SnpKeys, changes: SnpChanges = {}): ForgedSnp {
  const product = changes.product ?? 'Genoa';
  const pki = forgePki(keys, changes);
  const list: ListDescription = {
    issuer: amdName(`ARK-${product}`),
    thisUpdate: day(-10),
    nextUpdate: day(20),
    revoked: [0x77],
    signer: keys.root.privateKey,
  };
  const anchor: SnpAnchor = {
    name: 'test-ark',
    product,
    root: pki.root,
    authorities: [pki.authority],
    simulator: true,
  };
  const signedList = issueList(changes.list?.(list, keys) ?? list);
  return {
    report: forgeReport(keys.leaf.privateKey, changes),
    inputs: {
      endorsements: {
        dcap: [],
        certificates: changes.certificates?.(pki) ?? [pki.leaf],
        revocationLists: changes.lists?.(signedList) ?? [signedList],
      },
      policy: { ...SNP_POLICY, ...changes.policy },
      now: changes.now ?? SNP_NOW,
      anchors: changes.anchors?.(anchor) ?? [anchor],
    },
  };
}
