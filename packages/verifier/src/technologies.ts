/**
 * The technologies that are verified, in the order in which their formats are recognised.
 *
 * @module
 */
import { INTEL_ANCHORS } from './tdx/anchors.ts';
import { isTdxQuote, tdxPlatform, verifyTdx } from './tdx/verify-tdx.ts';
import type { Technology, TechnologyInputs } from './technology.ts';

/** The anchors of Intel's PKI, and the roots of simulators, whatever the caller says of these. */
function intelAnchors({ simulatorAnchors }: TechnologyInputs) {
  return [...INTEL_ANCHORS, ...simulatorAnchors.map((anchor) => ({ ...anchor, simulator: true }))];
}

const tdx: Technology = {
  name: 'tdx',
  called: 'an Intel TDX quote',
  recognises: isTdxQuote,
  verify: (bytes, inputs) =>
    verifyTdx(bytes, {
      collateral: inputs.endorsements.dcap,
      anchors: intelAnchors(inputs),
      policy: inputs.policy.tdx,
      now: inputs.now,
    }),
  platform: (bytes) => {
    const { fmspc, ca } = tdxPlatform(bytes);
    return { technology: 'tdx', fmspc, ca };
  },
  needEndorsements: ['tdx.tcb-info'],
};

export const TECHNOLOGIES: readonly Technology[] = [tdx];
