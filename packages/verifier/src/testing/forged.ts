/**
 * Forged TDX evidence for this package's tests: good in everything, except for what a test changes.
 *
 * @module
 */
import type { DcapCollateral } from '@vitrine/documents';
import {
  type CollateralChanges,
  type ForgedPki,
  type ForgedQuoteOptions,
  forgeCollateral,
  forgePki,
  forgeQuote,
  type PkiChanges,
} from '@vitrine/simulator/faults';
import type { TrustAnchor } from '../dcap/anchors.ts';
import type { Origin } from '../dcap/findings.ts';
import type { Check, CheckStatus } from '../result.ts';
import type { TdxPolicy } from '../tdx/policy.ts';
import { type TdxOutcome, verifyTdx } from '../tdx/verify-tdx.ts';
import type { HardwareOutcome } from '../technology.ts';

/** When everything here is judged, unless a test says otherwise. */
export const NOW: Date = new Date('2026-06-15T12:00:00Z');

/** The hardware part of the `hardware-only` preset. */
export const POLICY: TdxPolicy = {
  tcbStatus: ['UpToDate'],
  advisories: 'none',
  grace: 'none',
  minimumTcbDate: 'any',
  minimumTcbEvaluationDataNumber: 0,
  revocation: 'required',
  debug: 'refused',
  septVeDisable: 'required',
  optionalAttributes: ['KL', 'LASS', 'PERFMON', 'PKS'],
  mrseam: 'any',
  registers: 'any',
  serviceTds: 'none',
  platforms: 'any',
};

/** What a test changes in good evidence. */
export interface Changes {
  readonly pki?: PkiChanges;
  readonly quote?: ForgedQuoteOptions;
  /** Also a list of collateral, made from the PKI. */
  readonly collateral?: CollateralChanges | ((pki: ForgedPki) => readonly DcapCollateral[]);
  /** Who brought the collateral; given unless a test says otherwise. */
  readonly origin?: Origin;
  readonly policy?: Partial<TdxPolicy>;
  readonly now?: Date;
  readonly anchors?: (pki: ForgedPki) => readonly TrustAnchor[];
}

/** One PKI serves all tests that do not change it: making keys is most of the work. */
const GOOD_PKI: ForgedPki = forgePki({ now: NOW });

/** Under this anchor, evidence of `pki` is good. */
export function anchorOf(pki: ForgedPki): TrustAnchor {
  return { name: 'test-root', publicKey: pki.rootPoint, simulator: true };
}

/** Verifies good evidence with `changes`. */
export async function verifyForged(changes: Changes = {}): Promise<TdxOutcome> {
  const pki = changes.pki === undefined ? GOOD_PKI : forgePki({ now: NOW, ...changes.pki });
  const { collateral: change = {} } = changes;
  const collateral = typeof change === 'function' ? change(pki) : [forgeCollateral(pki, change)];
  return verifyTdx(forgeQuote(pki, changes.quote), {
    collateral,
    fetched: changes.origin === 'fetched' ? collateral : [],
    anchors: changes.anchors?.(pki) ?? [anchorOf(pki)],
    policy: { ...POLICY, ...changes.policy },
    now: changes.now ?? NOW,
  });
}

/** Ids of the checks with a status. */
export function idsOf(outcome: HardwareOutcome, status: CheckStatus): readonly string[] {
  return outcome.checks.filter((check) => check.status === status).map((check) => check.id);
}

/** The check that decides: the first that failed, else the first that is unavailable. */
export function deciding({ checks }: HardwareOutcome): Check | undefined {
  return checks.find(({ status }) => status === 'failed') ?? checks.find(({ status }) => status === 'unavailable');
}

/** The check `id`, which is always there. */
export function checkOf(outcome: HardwareOutcome, id: string): Check {
  const check = outcome.checks.find((one) => one.id === id);
  if (check === undefined) throw new Error(`no check ${id}`);
  return check;
}
