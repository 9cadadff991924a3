/**
 * What each check is for that does not belong to one technology: reading the input, workload,
 * bindings, channel and provenance.
 *
 * @module
 */
import type { CheckInfo } from './technology.ts';

const DESIGN = 'Vitrine evidence bundle, version 1';

/** Checks that only appear where the input cannot be read. */
const FORMAT_CHECKS: readonly CheckInfo[] = [
  {
    id: 'evidence.format',
    what: 'The input is hardware evidence of a known kind, or a bundle with such evidence in it.',
    attack: 'Evidence of a kind that nobody checks could be passed over instead of being refused.',
    specification: 'RFC 9334, section 8.1',
  },
  {
    id: 'bundle.format',
    what: 'The evidence bundle is one strict JSON document of the known version, with every field of its type.',
    attack:
      'A text that two readers understand differently could carry one manifest for the verifier and another for the user.',
    specification: `${DESIGN}; RFC 8259; RFC 8785`,
  },
  {
    id: 'endorsements.format',
    what: 'Endorsements that were handed over can be read as such.',
    attack: 'Endorsements that are dropped silently, such as a revocation list, would make a verdict look complete.',
    specification: 'RFC 9334, section 4.3',
  },
];

export const COMMON_CHECKS: readonly CheckInfo[] = [
  ...FORMAT_CHECKS,
  {
    id: 'workload.reference',
    what: 'The registers, and manifest and launch document where there are any, equal reference values or a pin. A register that these leave out is zero, or what the manifest or launch document that they name makes it; RTMR3 of dstack is left out only where they name the app-compose, and is then explained by the log that replays to it.',
    attack: 'The operator could run other code on genuine hardware.',
    specification: 'RFC 9334, section 8.3 (reference values)',
  },
  {
    id: 'workload.code',
    what: 'Every link from firmware to server code has an anchor: nothing is asserted only by what is being judged. The manifest is in RTMR3, MRCONFIGID, HOST_DATA or PCR 14, or in a launch document (app-compose, init-data) that the evidence commits to and that can start nothing else.',
    attack: 'An enclave could name code that it does not run, or the operator could start other code beside it.',
    specification: `${DESIGN}, manifest and launch document; dstack, app-compose and RTMR3 launch events; Confidential Containers, Initdata 0.1.0`,
  },
  {
    id: 'workload.denied',
    what: 'Neither code nor image is on a deny-list that is at hand, and no lower number than a list accepts; the policy says whether a list must be there.',
    attack:
      'A release that is known to be broken could be run on, on genuine hardware, by an operator who gains from it.',
    specification: 'Vitrine deny-list, version 1; RFC 8032 (Ed25519)',
  },
  {
    id: 'workload.manifest',
    what: 'The manifest in the bundle is the one that the boot binding names, by digest and number.',
    attack: 'A manifest of another server, or an older one, could be shown beside genuine evidence.',
    specification: `${DESIGN}, boot binding; RFC 8785`,
  },
  {
    id: 'binding.report-data',
    what: 'The report data in the hardware evidence is the digest of the binding in the bundle; the qualifying data of a TPM is SHA-256 of it.',
    attack: 'Genuine evidence that was made for something else could be put into the bundle.',
    specification: `${DESIGN}, report data`,
  },
  {
    id: 'binding.boot',
    what: 'The channel binding belongs to the boot and to the TLS key that was made in it, and says how far the sealed state has got exactly where there is an application root.',
    attack:
      'A TLS key from outside the enclave could be passed off as its own, or an older copy of the state go unnoticed.',
    specification: `${DESIGN}, boot binding and channel binding`,
  },
  {
    id: 'binding.keys',
    what: 'What the enclave says of its keys is what it is bound to, and fits the keys and policies in its manifest.',
    attack:
      'A key from outside could be passed off as one that never left, or a harmless policy shown for a key with another.',
    specification: `${DESIGN}, key statements; RFC 6962, section 2.1`,
  },
  {
    id: 'channel.live',
    what: 'Evidence answers the nonce that was sent, on the very TLS connection that the caller sees at its own end.',
    attack: 'Evidence could be recorded and replayed, or relayed from a genuine enclave by somebody in between.',
    specification: 'RFC 9266 (tls-exporter); RFC 8446, section 7.5',
  },
  {
    id: 'provenance.source',
    what: 'A signed statement says which source the code was built from, and by whom.',
    attack: 'Code whose source nobody can read could be measured and pinned like any other.',
    specification: 'SLSA provenance, version 1',
  },
];
