/**
 * Verification of an AWS Nitro attestation document: parse, authenticate, appraise. What is common
 * to all technologies (workload, bindings, verdict) stands in `../verify.ts`.
 *
 * The document carries its whole chain, so no endorsements are needed. A document has two fields
 * that its enclave chooses freely: `user_data` becomes the report data of the claims, as Vitrine's
 * bindings need its 64 bytes; `nonce` and `public_key` stand among the registers where present.
 *
 * @module
 */
import { fromHex, MalformedEvidenceError, toHex } from '@vitrine/documents/evidence';
import { sha256 } from '#crypto';
import type { Check } from '../result.ts';
import type { HardwareClaims, HardwareOutcome } from '../technology.ts';
import { AWS_NITRO_ANCHORS, type NitroAnchor } from './anchors.ts';
import { APPRAISAL_CHECKS, appraiseNitro } from './appraise.ts';
import { authenticateNitro, type NitroClaims } from './authenticate.ts';
import { FORMAT_CHECK, type NitroDocument, parseNitroDocument } from './parse.ts';
import type { NitroPolicy } from './policy.ts';

export interface NitroInputs {
  readonly policy: NitroPolicy;
  /** The time to judge for. */
  readonly now: Date;
  /** Roots to accept instead of AWS's own. */
  readonly anchors?: readonly NitroAnchor[];
}

/**
 * Verifies a document for the time `inputs.now`.
 *
 * @throws MalformedEvidenceError when `bytes` are no well-formed document; nothing else.
 */
export async function verifyNitro(
  bytes: Uint8Array<ArrayBuffer>,
  { policy, now, anchors = AWS_NITRO_ANCHORS }: NitroInputs,
): Promise<HardwareOutcome> {
  const document = parseNitroDocument(bytes);
  await compareImage(document);
  const format: Check = { id: FORMAT_CHECK, status: 'passed', message: 'A well-formed Nitro attestation document.' };
  const { checks, claims, anchor, simulatorMarker } = await authenticateNitro(document, anchors);
  const rooted = anchor === undefined ? {} : { anchor: { name: anchor.name, simulator: anchor.simulator } };
  if (claims === undefined) {
    const reason = anchor === undefined ? 'the certificate chain is not trusted' : 'the signature is not good';
    const open = APPRAISAL_CHECKS.map(
      (id): Check => ({ id, status: 'unavailable', message: `Not evaluated: ${reason}.` }),
    );
    return { checks: [format, ...checks, ...open], ...rooted, simulatorMarker, unverified: unverifiedOf(document) };
  }
  return {
    checks: [format, ...checks, ...appraiseNitro(claims, policy, now)],
    claims: claimsOf(claims),
    ...rooted,
    simulatorMarker,
    unverified: document.unsigned,
  };
}

/** A container that names another image than the document is refused with it. */
async function compareImage({ imageHash, pcrs }: NitroDocument): Promise<void> {
  if (imageHash === undefined) return;
  const image = fromHex([0, 1, 2].map((index) => pcrs.get(index) ?? '').join('')) ?? new Uint8Array();
  const expected = toHex(await sha256(image));
  if (imageHash === expected) return;
  throw new MalformedEvidenceError(
    FORMAT_CHECK,
    `the container names another image than the document inside: expected os_image_hash ${expected}, found ${imageHash}`,
  );
}

function claimsOf({ document, anchor }: NitroClaims): HardwareClaims {
  return {
    technology: 'nitro',
    anchor: anchor.name,
    platform: { moduleId: document.moduleId },
    registers: registersOf(document),
    reportData: reportDataOf(document),
  };
}

/** `pcr0` and so on, then `nonce` and `publickey` where the document has them. */
function registersOf({ pcrs, nonce, publicKey }: NitroDocument): Readonly<Record<string, string>> {
  const registers = [...pcrs].map(([index, value]) => [`pcr${index}`, value]);
  if (nonce !== undefined) registers.push(['nonce', toHex(nonce)]);
  if (publicKey !== undefined) registers.push(['publickey', toHex(publicKey)]);
  return Object.fromEntries(registers);
}

/** Empty where the document has no user data, which equals no binding. */
function reportDataOf({ userData }: NitroDocument): string {
  return userData === undefined ? '' : toHex(userData);
}

function unverifiedOf(document: NitroDocument): Readonly<Record<string, string>> {
  return {
    moduleid: document.moduleId,
    timestamp: document.timestamp.toISOString(),
    ...registersOf(document),
    reportdata: reportDataOf(document),
    ...document.unsigned,
  };
}
