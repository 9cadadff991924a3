/**
 * Appraisal of authenticated TDX claims against a policy: settings of the TD, machine, and firmware.
 *
 * This is the last of the verifier's three steps. It does no I/O and reads no clock, so a stored
 * result can be recomputed by anyone from the same inputs.
 *
 * TD attributes and XFAM: Intel TDX Module Base Architecture Specification, "TD Attributes", "XFAM".
 *
 * @module
 */
import type { Authenticated } from '../authenticated.ts';
import type { Difference } from '../refusal.ts';
import type { Check } from '../result.ts';
import { appraiseTcb, type TcbAppraisal, type TdxEndorsements } from './appraise-tcb.ts';
import type { TdxClaims } from './authenticate.ts';
import type { TdxPolicy } from './policy.ts';

export const APPRAISAL_CHECKS = [
  'tdx.debug',
  'tdx.sept-ve-disable',
  'tdx.attributes',
  'tdx.xfam',
  'tdx.mrseam',
  'tdx.platform',
  'tdx.tcb-status',
  'tdx.tcb-info',
  'tdx.qe-identity',
  'tdx.module',
  'tdx.revocation',
] as const;

const DEBUG = 1n << 0n;
const SEPT_VE_DISABLE = 1n << 28n;
const OPTIONAL_ATTRIBUTES: ReadonlyMap<'LASS' | 'PKS' | 'KL' | 'PERFMON', bigint> = new Map([
  ['LASS', 1n << 27n],
  ['PKS', 1n << 30n],
  ['KL', 1n << 31n],
  ['PERFMON', 1n << 63n],
] as const);
/** Named only to say what was found: a migratable TD can be moved to a machine nobody appraised. */
const MIGRATABLE = 1n << 29n;

/** x87 and SSE, which every TD has. */
const XFAM_FIXED_1 = 0x3n;
/** Every bit that may be set. */
const XFAM_ALLOWED = 0x6dbe7n;

/** Appraises authenticated claims; one check per id of {@link APPRAISAL_CHECKS}, in this order. */
export function appraiseTdx(
  claims: Authenticated<TdxClaims>,
  endorsements: TdxEndorsements,
  policy: TdxPolicy,
): TcbAppraisal {
  const tcb = appraiseTcb(claims, endorsements, policy);
  const settings = [
    debugCheck(claims, policy),
    septVeDisableCheck(claims, policy),
    attributesCheck(claims, policy),
    xfamCheck(claims),
    mrseamCheck(claims, policy),
    platformCheck(claims, policy),
  ].map((check): Check => ({ ...check, anchor: claims.anchor.name }));
  return { ...tcb, checks: [...settings, ...tcb.checks] };
}

function debugCheck({ report }: TdxClaims, policy: TdxPolicy): Check {
  const set = (report.tdAttributes & DEBUG) !== 0n;
  const difference = { expected: 'DEBUG not set', actual: set ? 'DEBUG set' : 'DEBUG not set' };
  if (policy.debug === 'any')
    return waived('tdx.debug', 'The policy accepts a TD that its host may debug.', difference);
  return set
    ? failed('tdx.debug', 'The host can read and change the memory of this TD: DEBUG is set.', difference)
    : passed('tdx.debug', 'The host cannot debug this TD.', difference);
}

function septVeDisableCheck({ report }: TdxClaims, policy: TdxPolicy): Check {
  const id = 'tdx.sept-ve-disable';
  const set = (report.tdAttributes & SEPT_VE_DISABLE) !== 0n;
  const difference = { expected: 'SEPT_VE_DISABLE set', actual: `SEPT_VE_DISABLE ${set ? 'set' : 'not set'}` };
  if (policy.septVeDisable === 'any') {
    return waived(id, 'The policy accepts a TD into which the host can inject memory faults.', difference);
  }
  return set
    ? passed(id, 'The host cannot inject faults on memory access.', difference)
    : failed(id, 'The host can inject faults on memory access: SEPT_VE_DISABLE is not set.', difference);
}

function attributesCheck({ report }: TdxClaims, policy: TdxPolicy): Check {
  const id = 'tdx.attributes';
  const optional: readonly string[] = policy.optionalAttributes === 'none' ? [] : policy.optionalAttributes;
  const allowed = [...OPTIONAL_ATTRIBUTES].reduce(
    (sum, [name, bit]) => (optional.includes(name) ? sum | bit : sum),
    DEBUG | SEPT_VE_DISABLE,
  );
  const excess = report.tdAttributes & ~allowed;
  const difference = {
    expected: `no attribute besides ${['DEBUG', 'SEPT_VE_DISABLE', ...optional].join(', ')}`,
    actual: `attributes ${showBits(report.tdAttributes)}`,
  };
  if (excess === 0n) return passed(id, 'The TD has no attribute that is reserved or not accepted.', difference);
  const names = [...OPTIONAL_ATTRIBUTES, ['MIGRATABLE', MIGRATABLE] as const];
  const known = names.filter(([, bit]) => (excess & bit) !== 0n);
  const rest = known.reduce((sum, [, bit]) => sum & ~bit, excess);
  const found = [...known.map(([name]) => name), ...(rest === 0n ? [] : [`reserved bits ${showBits(rest)}`])];
  return failed(id, `The TD has attributes that are not accepted: ${found.join(', ')}.`, difference);
}

function xfamCheck({ report: { xfam } }: TdxClaims): Check {
  const difference = {
    expected: `bits ${showBits(XFAM_FIXED_1)} set, none outside ${showBits(XFAM_ALLOWED)}`,
    actual: showBits(xfam),
  };
  return (xfam & XFAM_FIXED_1) === XFAM_FIXED_1 && (xfam & ~XFAM_ALLOWED) === 0n
    ? passed('tdx.xfam', 'The enabled processor features are within those that TDX allows.', difference)
    : failed('tdx.xfam', 'The enabled processor features are not within those that TDX allows.', difference);
}

function mrseamCheck({ report: { mrseam } }: TdxClaims, { mrseam: accepted }: TdxPolicy): Check {
  if (accepted === 'any')
    return waived('tdx.mrseam', 'The policy accepts any TDX module that TCB info describes.', { actual: mrseam });
  const difference = { expected: accepted.join(' or '), actual: mrseam };
  return accepted.includes(mrseam)
    ? passed('tdx.mrseam', 'The TDX module is one that the policy lists.', difference)
    : failed('tdx.mrseam', 'The TDX module is none that the policy lists.', difference);
}

function platformCheck({ pck }: TdxClaims, { platforms }: TdxPolicy): Check {
  const id = 'tdx.platform';
  const ids = [pck.ppid, ...(pck.platformInstanceId === undefined ? [] : [pck.platformInstanceId])];
  const actual = ids.join(' or ');
  if (platforms === 'any') {
    return waived(
      id,
      'Any machine of this vendor is accepted: one that was broken anywhere could stand in for this one.',
      { actual },
    );
  }
  if (platforms === 'listed') {
    return { id, status: 'unavailable', actual, message: 'The policy demands a list of machines and has none.' };
  }
  const difference = { expected: platforms.join(' or '), actual };
  return ids.some((one) => platforms.includes(one))
    ? passed(id, 'This machine is one that the policy lists.', difference)
    : failed(id, 'This machine is none that the policy lists.', difference);
}

function passed(id: string, message: string, difference: Difference): Check {
  return { id, status: 'passed', ...difference, message };
}

function failed(id: string, message: string, difference: Difference): Check {
  return { id, status: 'failed', ...difference, message };
}

function waived(id: string, message: string, difference: Difference): Check {
  return { id, status: 'waived', ...difference, message };
}

function showBits(bits: bigint): string {
  return `0x${bits.toString(16)}`;
}
