/**
 * Every check of a hand-over, in the order in which the sides make them, and what it is for. The first that says no
 * ends it, and its identifier is the code of the error.
 *
 * @module
 */
import type { CheckInfo } from '@vitrine/verifier';

/** Which side makes it. */
type Side = 'giver' | 'receiver' | 'both';

export interface HandoverCheckInfo extends CheckInfo {
  readonly id: HandoverCheck;
  readonly side: Side;
}

export type HandoverCheck =
  | 'handover.fresh'
  | 'handover.evidence'
  | 'handover.endorsements'
  | 'handover.simulated'
  | 'handover.binding'
  | 'handover.application'
  | 'handover.number'
  | 'handover.manifest'
  | 'handover.giver'
  | 'handover.measurement'
  | 'handover.platform'
  | 'handover.tcb'
  | 'handover.denied'
  | 'handover.envelope'
  | 'handover.root';

const PROTOCOL = 'Vitrine hand-over, version 1';

export const HANDOVER_CHECKS: readonly HandoverCheckInfo[] = [
  {
    id: 'handover.fresh',
    side: 'both',
    what: 'The other side answers the challenge of this very hand-over; a session is good for one request and ends by itself.',
    attack:
      'A recorded request or grant could be replayed, and a root be had or be put back long after it was allowed.',
    specification: 'RFC 9334, section 10 (freshness)',
  },
  {
    id: 'handover.evidence',
    side: 'both',
    what: "The other side's evidence is genuine and satisfies the preset `default`: no debugging, no foreign service TD or migration agent, firmware up to date and not revoked, the manifest anchored in the launch.",
    attack: 'A root could be had by, or come from, an enclave that somebody can look into.',
    specification: 'RFC 9334, section 8.1',
  },
  {
    id: 'handover.endorsements',
    side: 'both',
    what: 'What is needed to judge the evidence is at hand. It may be tried again with it.',
    attack: 'Whoever withholds a revocation list could have a revoked machine taken for a good one.',
    specification: 'RFC 9334, section 8.2',
  },
  {
    id: 'handover.simulated',
    side: 'both',
    what: 'Both sides are hardware, or both are the same simulator.',
    attack: 'A root from hardware could be read in a simulator, or one that everybody knows be used in hardware.',
    specification: PROTOCOL,
  },
  {
    id: 'handover.binding',
    side: 'both',
    what: 'The evidence was made for this side of a hand-over, with the manifest and the key that come with it; that of the giver names exactly one request.',
    attack:
      "One side's evidence could be shown as the other's, or genuine evidence be put beside another key or manifest.",
    specification: `${PROTOCOL}; Vitrine evidence bundle, version 1, hand-over binding`,
  },
  {
    id: 'handover.application',
    side: 'both',
    what: 'Both manifests are of the same application.',
    attack: 'An application could get the keys of another one of the same makers.',
    specification: PROTOCOL,
  },
  {
    id: 'handover.number',
    side: 'both',
    what: "The receiver's manifest has no lower number than the giver's; with the same number it is the same manifest.",
    attack: 'A former release whose faults are known could get the keys back.',
    specification: PROTOCOL,
  },
  {
    id: 'handover.manifest',
    side: 'giver',
    what: "The giver's manifest allows it: `equal` for the same manifest, `release` for one that a signed release leads to under its upgrade policy, with its delay.",
    attack: 'Whoever operates a machine could have the keys given to a manifest that nobody has accepted.',
    specification: 'Vitrine release, version 1; RFC 8032',
  },
  {
    id: 'handover.giver',
    side: 'receiver',
    what: "The giver has the receiver's manifest, or one from which a release leads to it that also the receiver's own release keys have signed; its manifest has terms for that.",
    attack:
      'An operator could have an honest enclave use a root that comes from a program of his own, and know all its keys.',
    specification: 'Vitrine release, version 1; RFC 8032',
  },
  {
    id: 'handover.measurement',
    side: 'both',
    what: 'The other side was launched as this one, or as the release names it.',
    attack: 'A changed image with the right manifest could get the root, or give one that its makers know.',
    specification: 'RFC 9334, section 8.3 (reference values)',
  },
  {
    id: 'handover.platform',
    side: 'giver',
    what: "The receiver's machine is one that the giver's manifest lists, by PPID, platform instance id or CHIP_ID.",
    attack: 'A genuine machine in the hands of somebody who attacks it with instruments could get the root.',
    specification: 'Intel SGX PCK Certificate and CRL Profile; AMD SEV-SNP VCEK specification',
  },
  {
    id: 'handover.tcb',
    side: 'giver',
    what: "The receiver's firmware has at least the security version that the giver's manifest demands.",
    attack: 'A machine with firmware whose faults are known, and that the vendor still lists, could get the root.',
    specification: 'Intel TCB info; AMD SEV-SNP ABI, TCB_VERSION',
  },
  {
    id: 'handover.denied',
    side: 'giver',
    what: 'The receiver is on no deny-list that the giver was started with.',
    attack: 'A release or machine that is known to be broken could get the root.',
    specification: 'Vitrine deny-list, version 1',
  },
  {
    id: 'handover.envelope',
    side: 'receiver',
    what: "The root is signed with the key in the giver's evidence, and opens with the key of the request, for exactly these two sides.",
    attack: 'Somebody in between could give a root of his choice, or one that was given to another.',
    specification: 'RFC 9180; RFC 8032',
  },
  {
    id: 'handover.root',
    side: 'receiver',
    what: "The root that came has the identifier in the giver's boot binding, and the one that the operator has named.",
    attack:
      'A root of another application, or from another genesis, could be put in place of the one that users have pinned.',
    specification: PROTOCOL,
  },
];
