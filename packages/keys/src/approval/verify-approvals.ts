/**
 * Whether enough approvers have signed exactly what is to be done.
 *
 * One bad approval refuses all: whoever sends them knows what was asked for. An approver of the policy who
 * is not among those demanded is judged like every other and not counted, since several rules may each
 * demand others.
 *
 * Whether the document was used before is for the approval book.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { concatBytes, fromBase64Url, fromHex, type KeyApprover, parseDocument } from '@vitrine/documents';
import type { Approval } from '../wire.ts';
import { approvalBytes, approvalDocumentShape } from './approval-document.ts';
import { problemOfAssertion } from './webauthn.ts';

interface ApprovalDemand {
  readonly threshold: number;
  /** Names of approvers. */
  readonly of: readonly string[];
}

export interface ApprovalInputs {
  /** Of the key's policy, by name. */
  readonly approvers: Readonly<Record<string, KeyApprover>>;
  readonly demand: ApprovalDemand;
  readonly approvals: readonly Approval[];
  /** The document that was made for exactly this request. */
  readonly expected: string;
  /** Seconds since 1970. */
  readonly now: number;
}

export type ApprovalVerdict =
  /** Names of the approvers that were counted. */
  { readonly ok: true; readonly approvers: readonly string[] } | { readonly ok: false; readonly why: string };

/** More than any policy needs, and few enough to be checked at once. */
const MAX_APPROVALS = 32;
const SIGNATURE_BYTES = 64;

/** Judges the approvals of one demand. */
export function verifyApprovals(inputs: ApprovalInputs): ApprovalVerdict {
  const { approvers, demand, approvals, expected, now } = inputs;
  if (!Number.isSafeInteger(demand.threshold) || demand.threshold < 1) return no('the policy demands no approver');
  if (approvals.length > MAX_APPROVALS) return no(`there are more than ${MAX_APPROVALS} approvals`);
  const { expires } = parseDocument(expected, approvalDocumentShape, 'the approval document');
  if (now >= expires) return no('the approval document has expired; ask for another');

  /** By public key: whoever stands in the policy under two names is one approver. */
  const counted = new Map<string, string>();
  for (const approval of approvals) {
    const name = approval.approver;
    const approver = Object.hasOwn(approvers, name) ? approvers[name] : undefined;
    if (approver === undefined) return no(`no approver of the policy is called ${JSON.stringify(name.slice(0, 40))}`);
    if (approval.document !== expected) {
      return no(`${name} approved another document than the one that was made for this request`);
    }
    const problem = problemOf(approver, approval, expected);
    if (problem !== undefined) return no(`the approval of ${name} does not hold: ${problem}`);
    if (demand.of.includes(name) && !counted.has(approver.publicKey)) counted.set(approver.publicKey, name);
  }
  return counted.size >= demand.threshold
    ? { ok: true, approvers: [...counted.values()] }
    : no(`${counted.size} of ${demand.threshold} approvals are there; approvers are ${demand.of.join(', ')}`);
}

function problemOf(approver: KeyApprover, approval: Approval, document: string): string | undefined {
  if (approver.kind === 'webauthn') return problemOfAssertion(approver, approval, document);
  if (approval.authenticatorData !== undefined || approval.clientData !== undefined) {
    return 'data of an authenticator stands beside a plain signature';
  }
  const signature = fromBase64Url(approval.signature);
  const key = fromHex(approver.publicKey);
  if (signature?.length !== SIGNATURE_BYTES || key === undefined) {
    return `expected a signature of ${SIGNATURE_BYTES} bytes in base64url`;
  }
  const bytes = approvalBytes(document);
  const holds =
    approver.kind === 'ed25519'
      ? ed25519.verify(signature, bytes, key, { zip215: false })
      : p256.verify(signature, bytes, concatBytes(Uint8Array.of(4), key), {
          format: 'compact',
          lowS: false,
          prehash: true,
        });
  return holds ? undefined : 'the signature does not verify';
}

function no(why: string): ApprovalVerdict {
  return { ok: false, why };
}
