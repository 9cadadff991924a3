/**
 * Enclave identity, structure version 2: which quoting enclaves are Intel's (Intel PCS API v4,
 * "Get Quoting Enclave Identity"). Read only after the signature over its text was verified.
 *
 * @module
 */
import { fromHex, toHex } from '@vitrine/documents/evidence';
import { refuse } from '../refusal.ts';
import type { EnclaveReport } from './enclave-report.ts';
import { hexField, integerField, parseFields, textField, timeField } from './fields.ts';
import { type IdentityLevel, identityLevelOf, readIdentityLevels } from './tcb-status.ts';

/** Hexadecimal is lower case. */
export interface QeIdentity {
  readonly id: 'QE' | 'TD_QE';
  readonly issueDate: Date;
  readonly nextUpdate: Date;
  readonly tcbEvaluationDataNumber: number;
  readonly miscSelect: string;
  readonly miscSelectMask: string;
  readonly attributes: string;
  readonly attributesMask: string;
  readonly mrsigner: string;
  readonly isvProdId: number;
  readonly levels: readonly IdentityLevel[];
}

/**
 * Reads the text that Intel signed.
 *
 * @throws RefusalError
 */
export function parseQeIdentity(text: string): QeIdentity {
  const fields = parseFields(text, 'QE identity');
  const id = textField(fields, 'id', /^(?:QE|TD_QE)$/, 'QE or TD_QE') as QeIdentity['id'];
  const version = integerField(fields, 'version', 255);
  if (version !== 2) refuse('QE identity: its version is not supported', { expected: '2', actual: String(version) });
  return {
    id,
    issueDate: timeField(fields, 'issueDate'),
    nextUpdate: timeField(fields, 'nextUpdate'),
    tcbEvaluationDataNumber: integerField(fields, 'tcbEvaluationDataNumber', 0xffffffff),
    miscSelect: hexField(fields, 'miscselect', 4),
    miscSelectMask: hexField(fields, 'miscselectMask', 4),
    attributes: hexField(fields, 'attributes', 16),
    attributesMask: hexField(fields, 'attributesMask', 16),
    mrsigner: hexField(fields, 'mrsigner', 32),
    isvProdId: integerField(fields, 'isvprodid', 0xffff),
    levels: readIdentityLevels(fields),
  };
}

/**
 * Demands that the report is of the enclave that the identity describes, and gives its level.
 *
 * @throws RefusalError naming the field that differs.
 */
export function matchQeIdentity(report: EnclaveReport, identity: QeIdentity): IdentityLevel {
  // The signed mask decides which attributes count; a debugger on the quoting enclave never may.
  if (report.debug) refuse('the quoting enclave runs in debug mode');
  demand('MRSIGNER of the quoting enclave', report.mrsigner, identity.mrsigner);
  demand('ISVPRODID of the quoting enclave', String(report.isvProdId), String(identity.isvProdId));
  const { miscSelectMask, attributesMask } = identity;
  const misc = [report.miscSelect, identity.miscSelect].map((value) => masked(value, miscSelectMask)) as [
    string,
    string,
  ];
  demand('MISCSELECT of the quoting enclave', ...misc);
  const attributes = [report.attributes, identity.attributes].map((value) => masked(value, attributesMask));
  demand('ATTRIBUTES of the quoting enclave', ...(attributes as [string, string]));
  const lowest = Math.min(...identity.levels.map((level) => level.isvSvn));
  return (
    identityLevelOf(identity.levels, report.isvSvn) ??
    refuse('the quoting enclave is below the lowest level of its identity', {
      expected: `ISVSVN of at least ${lowest}`,
      actual: String(report.isvSvn),
    })
  );
}

/** Bytes of `value` under `mask`, both hexadecimal of one length. */
export function masked(value: string, mask: string): string {
  const [left, right] = [fromHex(value), fromHex(mask)];
  if (left === undefined || right === undefined || left.length !== right.length) {
    return refuse('mask and value have different lengths', { expected: mask, actual: value });
  }
  for (let index = 0; index < left.length; index++) left[index] = (left[index] ?? 0) & (right[index] ?? 0);
  return toHex(left);
}

function demand(what: string, actual: string, expected: string): void {
  if (actual !== expected) refuse(`${what} differs from its identity`, { expected, actual });
}
