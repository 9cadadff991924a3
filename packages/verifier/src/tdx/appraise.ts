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
import { appraisePlatform } from '../dcap/appraise-platform.ts';
import { type AvailableEndorsements, appraiseTcb, type TcbAppraisal, tcbChecks } from '../dcap/appraise-tcb.ts';
import { failed, passed, showBits, waived } from '../dcap/findings.ts';
import type { Check } from '../result.ts';
import type { TdxClaims } from './authenticate.ts';
import { matchTdxModule } from './module.ts';
import { PINNED_REGISTERS, type TdxPolicy } from './policy.ts';
import { refineForRelaunch } from './relaunch.ts';

export const APPRAISAL_CHECKS: readonly string[] = [
  'tdx.debug',
  'tdx.sept-ve-disable',
  'tdx.service-td',
  'tdx.attributes',
  'tdx.xfam',
  'tdx.mrseam',
  'tdx.registers',
  'tdx.platform',
  ...tcbChecks('tdx'),
];

const DEBUG = 1n << 0n;
const SEPT_VE_DISABLE = 1n << 28n;
const OPTIONAL_ATTRIBUTES: ReadonlyMap<'LASS' | 'PKS' | 'KL' | 'PERFMON', bigint> = new Map([
  ['LASS', 1n << 27n],
  ['PKS', 1n << 30n],
  ['KL', 1n << 31n],
  ['PERFMON', 1n << 63n],
] as const);
/** A migratable TD can be moved by the service TD that is bound to it, so it is accepted together with that one. */
const MIGRATABLE = 1n << 29n;

const NO_SERVICE_TD = '00'.repeat(48);

/** x87 and SSE, which every TD has. */
const XFAM_FIXED_1 = 0x3n;
/** Every bit that may be set. */
const XFAM_ALLOWED = 0x6dbe7n;

/** Appraises authenticated claims for `now`; one check per id of {@link APPRAISAL_CHECKS}, in this order. */
export function appraiseTdx(
  claims: Authenticated<TdxClaims>,
  endorsements: AvailableEndorsements,
  policy: TdxPolicy,
  now: Date,
): TcbAppraisal {
  const { report } = claims;
  const tcb = appraiseTcb(
    {
      technology: 'tdx',
      claims,
      teeTcbSvn: report.teeTcbSvn,
      module: (info) => matchTdxModule(report, info),
      refine: (status, facts) => refineForRelaunch(status, facts, report.teeTcbSvn2),
    },
    endorsements,
    policy,
    now,
  );
  const settings = [
    debugCheck(claims, policy),
    septVeDisableCheck(claims, policy),
    serviceTdCheck(claims, policy),
    attributesCheck(claims, policy),
    xfamCheck(claims),
    mrseamCheck(claims, policy),
    registersCheck(claims, policy),
    appraisePlatform('tdx', claims, policy),
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
  const migratable = isNamedServiceTd(report.mrservicetd, policy);
  const allowed = [...OPTIONAL_ATTRIBUTES].reduce(
    (sum, [name, bit]) => (optional.includes(name) ? sum | bit : sum),
    DEBUG | SEPT_VE_DISABLE | (migratable ? MIGRATABLE : 0n),
  );
  const excess = report.tdAttributes & ~allowed;
  const difference = {
    expected: `no attribute besides ${['DEBUG', 'SEPT_VE_DISABLE', ...(migratable ? ['MIGRATABLE'] : []), ...optional].join(', ')}`,
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

function registersCheck({ report: { registers } }: TdxClaims, { registers: accepted }: TdxPolicy): Check {
  const id = 'tdx.registers';
  const shown = (values: Readonly<Record<string, string | undefined>>, names: readonly string[]): string =>
    names.map((name) => `${name} ${values[name] ?? ''}`).join(', ');
  if (accepted === 'any') {
    const actual = shown(registers, PINNED_REGISTERS);
    return waived(id, 'The policy pins no register; reference values may.', { actual });
  }
  const pinnedOf = (pins: (typeof accepted)[number]): readonly (typeof PINNED_REGISTERS)[number][] =>
    PINNED_REGISTERS.filter((name) => pins[name] !== 'any');
  const pinned = PINNED_REGISTERS.filter((name) => accepted.some((pins) => pins[name] !== 'any'));
  const difference = {
    expected: accepted.map((pins) => shown(pins, pinnedOf(pins))).join('; or '),
    actual: shown(registers, pinned),
  };
  const match = accepted.some((pins) => {
    const names = pinnedOf(pins);
    return names.length > 0 && names.every((name) => pins[name] === registers[name]);
  });
  return match
    ? passed(id, 'The registers are a combination that the policy pins.', difference)
    : failed(id, 'The registers are no combination that the policy pins.', difference);
}

function serviceTdCheck({ report: { mrservicetd } }: TdxClaims, { serviceTds }: TdxPolicy): Check {
  const id = 'tdx.service-td';
  if (mrservicetd === undefined) {
    const message = 'No service TD can be bound to this TD: its body is TD 1.0, which has none.';
    return passed(id, message, { actual: 'TD 1.0' });
  }
  const named = serviceTds === 'none' ? [] : serviceTds;
  const difference = { expected: [NO_SERVICE_TD, ...named].join(' or '), actual: mrservicetd };
  if (mrservicetd === NO_SERVICE_TD) return passed(id, 'No service TD is bound to this TD.', difference);
  return isNamedServiceTd(mrservicetd, { serviceTds })
    ? passed(id, 'The service TDs that are bound to this TD are ones that the policy names.', difference)
    : failed(id, 'A service TD that the policy does not name can act on this TD.', difference);
}

function isNamedServiceTd(mrservicetd: string | undefined, { serviceTds }: Pick<TdxPolicy, 'serviceTds'>): boolean {
  return serviceTds !== 'none' && mrservicetd !== undefined && serviceTds.includes(mrservicetd);
}
