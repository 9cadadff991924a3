/**
 * Forged Nitro documents for this package's tests: good in everything, except for what a test
 * changes. The chain has the shape, names and lifetimes of AWS's.
 *
 * @module
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  basicConstraints,
  type CertificateExtension,
  type CertificateFields,
  type DistinguishedName,
  derBoolean,
  derSequence,
  encodeCertificate,
  keyUsage,
} from '@vitrine/attester';
import { concatBytes } from '@vitrine/documents';
import type { NitroAnchor } from '../nitro/anchors.ts';
import type { NitroPolicy } from '../nitro/policy.ts';
import { verifyNitro } from '../nitro/verify-nitro.ts';
import type { HardwareOutcome } from '../technology.ts';
import {
  CBOR_NULL,
  type Cbor,
  cborArray,
  cborBytes,
  cborIndefiniteMap,
  cborInteger,
  cborMap,
  cborTag,
  cborText,
} from './cbor-encode.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** When everything here is judged, unless a test says otherwise. */
export const NITRO_NOW: Date = new Date('2026-06-15T12:00:00Z');

/** The Nitro part of the `hardware-only` preset. */
export const NITRO_POLICY: NitroPolicy = { debug: 'refused', pcrs: 'any', platforms: 'any', maximumAgeSeconds: 300 };

export const MODULE_ID = 'i-0123456789abcdef0-enc0123456789abcdef';
const ECDSA_WITH_SHA384 = '1.2.840.10045.4.3.3';

interface Key {
  readonly privateKey: KeyObject;
  readonly spki: Bytes;
}

/** Leaf, instance, zone, region, root: the order of a chain. */
export type Place = 0 | 1 | 2 | 3 | 4;
const ROOT = 4;

/** Keys are most of the work, and no test needs its own. */
const KEYS: readonly Key[] = Array.from({ length: 5 }, () => p384Key());

/** A key beside the chain. */
export const OTHER_KEY: Key = p384Key();

export interface NitroChanges {
  /** Encoded values by key of the payload; `null` leaves the key out, an unknown key is added. */
  readonly fields?: Readonly<Record<string, Uint8Array | null>>;
  readonly pcrs?: ReadonlyMap<number, Uint8Array>;
  readonly userData?: Uint8Array;
  readonly payloadForm?: 'definite' | 'indefinite';
  /** Before it is signed. */
  readonly payload?: (bytes: Bytes) => Bytes;
  readonly protectedHeader?: Uint8Array;
  readonly unprotectedHeader?: Uint8Array;
  readonly tagged?: boolean;
  readonly signature?: (bytes: Bytes) => Bytes;
  /** Changes the certificate at a place before it is signed. */
  readonly certificate?: (fields: CertificateFields, place: Place) => CertificateFields;
  /** Signs the certificate at a place instead of its issuer's key. */
  readonly issuerKey?: (place: Place) => Key | undefined;
  /** Certificates leaf first, before they go into the document. */
  readonly certificates?: (ders: readonly Bytes[]) => readonly Bytes[];
  readonly documentKey?: Key;
  readonly rootName?: string;
}

/** The anchor under which documents made here are good. */
export const NITRO_ANCHOR: NitroAnchor = {
  name: 'test-nitro-root',
  publicKey: (KEYS[ROOT] as Key).spki.slice(-96),
  simulator: true,
};

/** One document. */
export function forgeNitro(changes: NitroChanges = {}): Bytes {
  const header = changes.protectedHeader ?? Uint8Array.of(0xa1, 0x01, 0x38, 0x22);
  const plain = forgePayload(changes);
  const payload = changes.payload?.(plain) ?? plain;
  const signed = cborArray(cborText('Signature1'), cborBytes(header), cborBytes(new Uint8Array()), cborBytes(payload));
  const key = changes.documentKey ?? (KEYS[0] as Key);
  const value = Uint8Array.from(sign('sha384', signed, { key: key.privateKey, dsaEncoding: 'ieee-p1363' }));
  const signature = changes.signature?.(value) ?? value;
  const unprotected = changes.unprotectedHeader ?? Uint8Array.of(0xa0);
  const document = cborArray(cborBytes(header), unprotected, cborBytes(payload), cborBytes(signature));
  return changes.tagged === true ? cborTag(18, document) : document;
}

/** Verifies a good document with `changes`. */
export async function verifyForgedNitro(
  changes: NitroChanges & {
    readonly policy?: Partial<NitroPolicy>;
    readonly now?: Date;
    readonly anchors?: readonly NitroAnchor[];
  } = {},
): Promise<HardwareOutcome> {
  return verifyNitro(forgeNitro(changes), {
    policy: { ...NITRO_POLICY, ...changes.policy },
    now: changes.now ?? NITRO_NOW,
    anchors: changes.anchors ?? [NITRO_ANCHOR],
  });
}

/** `value` in all 48 bytes. */
export function pcr(value: number): Bytes {
  return new Uint8Array(48).fill(value);
}

/** The registers of a good document: 0 to 15, the first five and the ninth not zero. */
export function goodPcrs(): Map<number, Bytes> {
  return new Map(
    Array.from({ length: 16 }, (_, index) => [index, pcr(index < 5 || index === 8 ? 0xa0 + index : 0)] as const),
  );
}

export function encodePcrs(pcrs: ReadonlyMap<number, Uint8Array>): Cbor {
  return cborMap(...[...pcrs].map(([index, value]) => [cborInteger(index), cborBytes(value)] as const));
}

/** The chain, leaf first. */
export function forgeCertificates(changes: NitroChanges = {}): readonly Bytes[] {
  return ([0, 1, 2, 3, 4] as const).map((place) => forgeCertificate(place, changes));
}

function forgePayload(changes: NitroChanges): Bytes {
  const made = forgeCertificates(changes);
  const [leaf = new Uint8Array(), ...issuers] = changes.certificates?.(made) ?? made;
  const fields: Record<string, Uint8Array | null> = {
    module_id: cborText(MODULE_ID),
    digest: cborText('SHA384'),
    timestamp: cborInteger(NITRO_NOW.getTime()),
    pcrs: encodePcrs(changes.pcrs ?? goodPcrs()),
    certificate: cborBytes(leaf),
    cabundle: cborArray(...issuers.toReversed().map(cborBytes)),
    public_key: CBOR_NULL,
    user_data: cborBytes(changes.userData ?? new Uint8Array(64).fill(7)),
    nonce: CBOR_NULL,
    ...changes.fields,
  };
  const entries = Object.entries(fields).flatMap(([key, value]) =>
    value === null ? [] : [[cborText(key), value] as const],
  );
  return changes.payloadForm === 'definite' ? cborMap(...entries) : cborIndefiniteMap(...entries);
}

function forgeCertificate(place: Place, changes: NitroChanges): Bytes {
  const key = KEYS[place] as Key;
  const issuer = KEYS[Math.min(place + 1, ROOT)] as Key;
  const [before, after] = LIFETIMES[place] as readonly [number, number];
  const fields: CertificateFields = {
    version: 3,
    serial: Uint8Array.of(0x11, place + 1),
    signatureAlgorithm: ECDSA_WITH_SHA384,
    issuer: nameOf(Math.min(place + 1, ROOT), changes),
    subject: nameOf(place, changes),
    notBefore: new Date(NITRO_NOW.getTime() - before * 1000),
    notAfter: new Date(NITRO_NOW.getTime() + after * 1000),
    spki: key.spki,
    extensions: extensionsOf(place),
  };
  const signer = changes.issuerKey?.(place) ?? issuer;
  return encodeCertificate(changes.certificate?.(fields, place) ?? fields, (bytes) =>
    Uint8Array.from(sign('sha384', bytes, signer.privateKey)),
  );
}

const DAY = 86_400;
/** Seconds before and after {@link NITRO_NOW}. */
const LIFETIMES: readonly (readonly [number, number])[] = [
  [3, 10_800],
  [DAY / 2, DAY / 2],
  [DAY, 5 * DAY],
  [10 * DAY, 10 * DAY],
  [2000 * DAY, 2000 * DAY],
];

const COMMON_NAMES = [`${MODULE_ID}.test`, 'instance.test', 'zone.test', 'region.test'];

function nameOf(place: number, { rootName = 'Test Nitro Root' }: NitroChanges): DistinguishedName {
  return [
    ['C', 'US'],
    ['O', 'Test'],
    ['CN', COMMON_NAMES[place] ?? rootName],
  ];
}

function extensionsOf(place: Place): readonly CertificateExtension[] {
  if (place === 0) return [basicConstraints('leaf'), keyUsage('digitalSignature', 'nonRepudiation')];
  if (place < ROOT) return [basicConstraints({ pathLength: place - 1 }), keyUsage('keyCertSign')];
  const unlimited = { oid: '2.5.29.19', critical: true, value: derSequence(derBoolean(true)) };
  return [unlimited, keyUsage('digitalSignature', 'keyCertSign', 'cRLSign')];
}

function p384Key(): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  return { privateKey, spki: Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' })) };
}

const GOOD_IMAGE = createHash('sha256')
  .update(concatBytes(pcr(0xa0), pcr(0xa1), pcr(0xa2)))
  .digest('hex');

/** The same in dstack's container. */
export function containDstack(
  document: Uint8Array,
  reportData: Uint8Array = new Uint8Array(64).fill(7),
  configuration: string = `{"os_image_hash":"${GOOD_IMAGE}"}`,
): Bytes {
  const event = concatBytes(compact(6), new TextEncoder().encode('app-id'), compact(2), Uint8Array.of(1, 2));
  const config = new TextEncoder().encode(configuration);
  return concatBytes(
    Uint8Array.of(0, 2),
    compact(document.length),
    document,
    compact(1),
    event,
    reportData,
    compact(config.length),
    config,
  );
}

/** A SCALE compact number of up to 30 bits. */
function compact(value: number): Bytes {
  const mode = value < 64 ? 0 : value < 16_384 ? 1 : 2;
  const coded = value * 4 + mode;
  return Uint8Array.from({ length: 1 << mode }, (_, index) => (coded >>> (8 * index)) & 0xff);
}
