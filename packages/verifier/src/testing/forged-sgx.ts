/**
 * Forged SGX evidence for this package's tests: good in everything, except for what a test changes.
 *
 * @module
 */
import { forgeCollateral, forgePki, forgeQuote, forSgx } from '@vitrine/simulator/faults';
import type { SgxPolicy } from '../sgx/policy.ts';
import { type SgxOutcome, verifySgx } from '../sgx/verify-sgx.ts';
import { anchorOf, type Changes, NOW } from './forged.ts';

/** The SGX part of the `hardware-only` preset. */
export const SGX_POLICY: SgxPolicy = {
  tcbStatus: ['UpToDate'],
  advisories: 'none',
  grace: 'none',
  minimumTcbDate: 'any',
  minimumTcbEvaluationDataNumber: 0,
  revocation: 'required',
  platforms: 'any',
  debug: 'refused',
  provisionKey: 'refused',
  miscselect: ['00000000'],
  kss: 'any',
  identity: 'any',
};

export interface SgxChanges extends Omit<Changes, 'policy'> {
  readonly policy?: Partial<SgxPolicy>;
}

const GOOD_PKI = forgePki({ now: NOW });

/** Verifies good evidence with `changes`. */
export async function verifyForgedSgx(changes: SgxChanges = {}): Promise<SgxOutcome> {
  const pki = changes.pki === undefined ? GOOD_PKI : forgePki({ now: NOW, ...changes.pki });
  const { collateral: change = {} } = changes;
  const collateral = typeof change === 'function' ? change(pki) : [forgeCollateral(pki, { ...forSgx, ...change })];
  return verifySgx(forgeQuote(pki, { enclave: (good) => good, ...changes.quote }), {
    collateral,
    fetched: changes.origin === 'fetched' ? collateral : [],
    anchors: changes.anchors?.(pki) ?? [anchorOf(pki)],
    policy: { ...SGX_POLICY, ...changes.policy },
    now: changes.now ?? NOW,
  });
}
