/**
 * Appraisal of the documents in a bundle that is about a hand-over between two enclaves, or was to be.
 *
 * Evidence of a hand-over is good for nothing else: whoever did not ask for it, or asked for the other side's
 * part, is told so.
 *
 * @module
 */
import { type EvidenceBundle, fromBase64Url, handoverSpki } from '@vitrine/documents/evidence';
import type { Check } from './result.ts';

/** Whose part of a hand-over evidence is. */
export type HandoverRole = 'giver' | 'receiver';

const CHANGED = ['binding.report-data', 'binding.boot', 'binding.keys', 'channel.live'];

/**
 * What the checks of a bundle's documents are where it is about a hand-over, or was to be.
 *
 * @param checks - As they are for evidence about a connection or a boot, in their order.
 * @param expected - Whose part is wanted; absent: none.
 * @param bootDigest - SHA-384 of the boot binding in the bundle.
 */
export async function appraiseHandover(
  checks: readonly Check[],
  bundle: EvidenceBundle,
  expected: HandoverRole | undefined,
  bootDigest: string,
  anchor: string,
): Promise<readonly Check[]> {
  const { handover } = bundle;
  if (handover === undefined && expected === undefined) return checks;
  const changed: Readonly<Record<string, Check | undefined>> = {
    'binding.report-data': purpose(bundle, expected, anchor),
    'binding.boot': await bootLink(bundle, bootDigest, anchor),
    ...(handover?.role === 'receiver'
      ? {
          'binding.keys': {
            id: 'binding.keys',
            status: 'waived',
            message: 'A receiver has no keys before it has a root, and says nothing of them.',
          },
        }
      : {}),
    'channel.live': {
      id: 'channel.live',
      status: expected === undefined ? 'failed' : 'waived',
      message: 'The evidence is about a hand-over between two enclaves, and about no connection.',
    },
  };
  return checks.map((check) => (CHANGED.includes(check.id) ? (changed[check.id] ?? check) : check));
}

/** `undefined` where the evidence was made for what it is wanted for. */
function purpose({ handover }: EvidenceBundle, expected: HandoverRole | undefined, anchor: string): Check | undefined {
  const id = 'binding.report-data';
  const failed = (message: string): Check => ({
    id,
    status: 'failed',
    anchor,
    expected: expected === undefined ? 'evidence for users' : `evidence of a ${expected}`,
    actual: handover === undefined ? 'evidence for users' : `evidence of a ${handover.role}`,
    message,
  });
  if (expected === undefined) {
    return failed('The evidence was made by one enclave for another, and says nothing to anybody else.');
  }
  if (handover === undefined) return failed('The evidence was not made for a hand-over.');
  if (handover.role !== expected) return failed('The evidence is of the other side of a hand-over: it was reflected.');
  return undefined;
}

async function bootLink({ boot, handover }: EvidenceBundle, bootDigest: string, anchor: string): Promise<Check> {
  const id = 'binding.boot';
  const failed = (expected: string, actual: string, message: string): Check => ({
    id,
    status: 'failed',
    anchor,
    expected,
    actual,
    message,
  });
  if (handover === undefined) return failed('a hand-over binding', 'none', 'The evidence is about no hand-over.');
  if (handover.bootBinding !== bootDigest) {
    return failed(bootDigest, handover.bootBinding, 'The hand-over binding names another boot binding.');
  }
  if (handover.role === 'giver') {
    return boot.appRoot !== undefined && handover.receiver !== undefined
      ? { id, status: 'passed', anchor, message: 'The giver is the enclave of this boot, and names one receiver.' }
      : failed('an application root and a receiver', 'not both', 'A giver has to name its root and its receiver.');
  }
  const { appRoot, hpkeKey, receiptKey, keyStatements } = boot;
  const isBare = [appRoot, hpkeKey, receiptKey, keyStatements, handover.receiver].every((one) => one === undefined);
  const spki = await handoverSpki(fromBase64Url(handover.key) ?? new Uint8Array(32));
  if (!isBare || boot.tlsSpki !== spki) {
    return failed(
      `no keys but the one of the hand-over, ${spki}`,
      boot.tlsSpki,
      'The boot binding of a receiver has to be made for the hand-over alone.',
    );
  }
  return { id, status: 'passed', anchor, message: 'The boot binding was made for this hand-over alone.' };
}
