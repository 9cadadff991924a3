/**
 * Finds, among everything that was given, what belongs to one report: the leaf certificate for its
 * key, and authorities that may have issued it. Nothing is trusted here; the choice only decides
 * what is authenticated.
 *
 * A leaf is for a report when it names the same machine and TCB version. Where none does, one whose
 * key signed the report is taken all the same, so that the checks can say what does not fit. Where
 * there is no such one either, there is no endorsement for this machine: fetching one may help.
 *
 * @module
 */
import { sameBytes, toHex } from '@vitrine/documents/evidence';
import { verifyEcdsaP384 } from '#crypto';
import { remember } from '../dcap/remembered.ts';
import { RefusalError } from '../refusal.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { AMD_AUTHORITY_PROFILE } from '../x509/profile.ts';
import { type LeafClaims, parseLeaf } from './leaf.ts';
import type { SnpReport } from './parse.ts';
import { processorOf } from './product.ts';

/** A folder may hold the certificates of a fleet; this bounds the work on a hostile one. */
const MAX_CERTIFICATES = 256;
/** How many signatures are tried for a report that no certificate names. */
const MAX_TRIED = 4;

export interface SnpCertificates {
  readonly leaf: LeafClaims | undefined;
  /** Leaves of the right kind, whoever's they are; for hints. */
  readonly candidates: readonly LeafClaims[];
  /** Every other certificate of AMD's form. */
  readonly authorities: readonly Certificate[];
  /** Why there is no leaf. */
  readonly reason: string;
}

/** Chooses among `given`, in DER. */
export async function chooseCertificates(
  report: SnpReport,
  given: readonly Uint8Array<ArrayBuffer>[],
): Promise<SnpCertificates> {
  const leaves: LeafClaims[] = [];
  const authorities: Certificate[] = [];
  let unreadable: RefusalError | undefined;
  for (const der of given.slice(0, MAX_CERTIFICATES)) {
    const leaf = read(() => readOnce(leavesRead, der, parseLeaf));
    if (!(leaf instanceof RefusalError)) {
      leaves.push(leaf);
      continue;
    }
    const authority = read(() => readOnce(authoritiesRead, der, parseAuthority));
    if (authority instanceof RefusalError) unreadable ??= leaf;
    else authorities.push(authority);
  }
  const candidates = leaves.filter(({ kind }) => kind === report.signer);
  const leaf = await chooseLeaf(candidates, report);
  return { leaf, candidates, authorities, reason: reasonOf(report, candidates, leaves, unreadable) };
}

function parseAuthority(der: Uint8Array<ArrayBuffer>): Certificate {
  return parseCertificate(der, 'AMD authority', AMD_AUTHORITY_PROFILE);
}

/** What was read from the bytes in `der`, which are a copy: nobody can change them. */
interface Read<T> {
  readonly der: Uint8Array<ArrayBuffer>;
  readonly value: T;
}

/** A platform's certificates come back with each of its reports. By their last bytes, which are of a signature. */
const leavesRead = new Map<string, Read<LeafClaims>>();
const authoritiesRead = new Map<string, Read<Certificate>>();
const NAME_BYTES = 16;

/** What `parse` makes of the very same bytes; a refusal is not remembered. */
function readOnce<T>(
  memory: Map<string, Read<T>>,
  der: Uint8Array<ArrayBuffer>,
  parse: (der: Uint8Array<ArrayBuffer>) => T,
): T {
  const name = toHex(der.subarray(-NAME_BYTES));
  const known = memory.get(name);
  if (known !== undefined && sameBytes(known.der, der)) return known.value;
  const copy = der.slice();
  const value = parse(copy);
  remember(memory, name, { der: copy, value }, MAX_CERTIFICATES);
  return value;
}

/** Several fleets may have one TCB version, and then only the signature tells which fleet it is. */
async function chooseLeaf(candidates: readonly LeafClaims[], report: SnpReport): Promise<LeafClaims | undefined> {
  const [first, ...more] = candidates.filter((one) => isFor(one, report));
  if (first === undefined) return findSigner(candidates, report);
  return more.length === 0 ? first : ((await findSigner([first, ...more], report)) ?? first);
}

/** Whether machine and TCB version are those of the report. */
function isFor(leaf: LeafClaims, report: SnpReport): boolean {
  const product = report.cpuid === undefined ? leaf.product : processorOf(report.cpuid)?.product;
  return product === leaf.product && sameBytes(leaf.tcb, report.tcb.reported) && isSameChip(leaf, report);
}

/** A chip's certificate has the report's CHIP_ID, on Turin without the zeros that follow; a fleet's has none. */
export function isSameChip({ hardwareId }: LeafClaims, { chipId }: SnpReport): boolean {
  if (hardwareId === undefined) return true;
  return (
    sameBytes(hardwareId, chipId.subarray(0, hardwareId.length)) &&
    chipId.subarray(hardwareId.length).every((value) => value === 0)
  );
}

async function findSigner(candidates: readonly LeafClaims[], report: SnpReport): Promise<LeafClaims | undefined> {
  for (const leaf of candidates.slice(0, MAX_TRIED)) {
    if (await isSignedBy(leaf, report)) return leaf;
  }
  return undefined;
}

/** Whether the key of `leaf` signed the report. */
export function isSignedBy(leaf: LeafClaims, { signed, signature }: SnpReport): Promise<boolean> {
  return verifyEcdsaP384(leaf.certificate.publicKey, signed, signature);
}

function reasonOf(
  { signer }: SnpReport,
  candidates: readonly LeafClaims[],
  leaves: readonly LeafClaims[],
  unreadable: RefusalError | undefined,
): string {
  const name = signer.toUpperCase();
  if (candidates.length > 0) return `no given ${name} certificate is for this machine and its reported TCB version`;
  if (leaves.length > 0) return `the report is signed by a ${name}, and only certificates of another kind were given`;
  if (unreadable !== undefined) return `no ${name} certificate was given; ${unreadable.message}`;
  return `no ${name} certificate was given`;
}

function read<T>(work: () => T): T | RefusalError {
  try {
    return work();
  } catch (error) {
    if (error instanceof RefusalError) return error;
    throw error;
  }
}
