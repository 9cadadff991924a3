/**
 * Appraisal of the chain firmware → kernel → root file system → enclave → manifest → server code: who measured each
 * link? The anchor says who measured; whether what was measured is known is said by `workload.reference`.
 *
 * - `hardware`: the processor, or firmware and kernel that it measured.
 * - `platform-image`: the guest image of dstack or of Confidential Containers, which measures what it starts. Its word
 *   counts where the image itself is compared with reference values.
 * - `provider-vtpm`: a TPM of whoever runs the machine.
 * - `simulator`: the same under a simulator's root, or under a key on the caller's word.
 * - `self-asserted`: nobody but what is being judged. It never passes where code is demanded. What reference values
 *   could still say differently is `unavailable` as long as there are none, and fails where they do not say it.
 *
 * @module
 */
import type { EvidenceBundle, ReferenceEntry } from '@vitrine/documents/evidence';
import type { LaunchJudgement } from './launch/judge.ts';
import { findManifest } from './manifest-anchor.ts';
import type { AppraisalPolicy } from './policy.ts';
import type { Check, Claims } from './result.ts';

const ID = 'workload.code';

/** From the best to the worst. */
const ANCHORS = ['hardware', 'platform-image', 'provider-vtpm', 'simulator', 'self-asserted'] as const;
type LinkAnchor = (typeof ANCHORS)[number];

const LINKS = ['firmware', 'kernel', 'root file system', 'enclave', 'manifest'] as const;
type Chain = Readonly<Record<(typeof LINKS)[number], LinkAnchor>>;

export interface CodeContext {
  /** Where the bundle has a launch document. */
  readonly launch?: LaunchJudgement;
  /** The reference values that the evidence equals, where there are any. */
  readonly entry?: ReferenceEntry;
  /** Whether there are any to compare with. Where there are none, what only they can say is open, and nothing is wrong. */
  readonly compared?: boolean;
}

/** Names the anchor of each link, firmware → kernel → root file system → enclave → manifest → server code. */
export async function appraiseCode(
  policy: Pick<AppraisalPolicy['workload'], 'code' | 'reference'>,
  claims: Pick<Claims, 'technology' | 'registers'>,
  bundle: EvidenceBundle | undefined,
  anchor: { readonly name: string; readonly simulator: boolean },
  { launch, entry, compared = true }: CodeContext = {},
): Promise<Check> {
  // A document that the evidence does not commit to was brought by somebody to be believed.
  if (launch?.refusal !== undefined) return selfAsserted(launch.refusal);
  if (policy.code === 'any') return { id: ID, status: 'waived', message: 'The policy accepts any code.' };
  if (bundle === undefined)
    return {
      id: ID,
      status: 'unavailable',
      message: 'A raw quote carries no manifest, so nothing says what its registers stand for.',
    };
  const unanchored = await unanchoredManifest(claims, bundle.boot.manifestDigest, launch);
  if (unanchored !== undefined) return selfAsserted(unanchored);
  const chain = chainOf(claims.technology, launch, entry, {
    simulator: anchor.simulator,
    isListed: entry !== undefined || policy.reference === 'required',
  });
  return judgeChain(chain, bundle, anchor.simulator, { technology: claims.technology, compared });
}

type Finding = Pick<Check, 'expected' | 'actual' | 'message'>;

/** What is wrong where neither the launch document nor a register has the digest of the manifest. */
async function unanchoredManifest(
  { technology, registers }: Pick<Claims, 'technology' | 'registers'>,
  manifestDigest: string,
  launch: LaunchJudgement | undefined,
): Promise<Finding | undefined> {
  if (launch?.content === undefined) {
    const { anchored, ...finding } = await findManifest(technology, registers, manifestDigest);
    return anchored ? undefined : finding;
  }
  if (!launch.content.ok)
    return { ...launch.content.refusal.difference, message: `${launch.content.refusal.message}.` };
  const actual = launch.content.value.manifestDigest;
  if (actual === manifestDigest) return undefined;
  return { expected: manifestDigest, actual, message: `The ${launch.kind} starts the enclave with another manifest.` };
}

function chainOf(
  technology: Claims['technology'],
  launch: LaunchJudgement | undefined,
  entry: ReferenceEntry | undefined,
  { simulator, isListed }: { readonly simulator: boolean; readonly isListed: boolean },
): Chain {
  const measured: LinkAnchor = simulator ? 'simulator' : technology === 'tpm' ? 'provider-vtpm' : 'hardware';
  // What a launch digest of SEV-SNP covers is not in the evidence: on EC2 and GCE it is firmware alone.
  const covered = technology !== 'snp' || (entry?.technology === 'snp' && entry.covers === 'image');
  const system: LinkAnchor = covered ? measured : 'self-asserted';
  const image: LinkAnchor = simulator ? 'simulator' : isListed ? 'platform-image' : 'self-asserted';
  const started: LinkAnchor = launch === undefined || system === 'self-asserted' ? system : image;
  return { firmware: measured, kernel: system, 'root file system': system, enclave: started, manifest: started };
}

function judgeChain(
  chain: Chain,
  { manifest }: EvidenceBundle,
  isSimulated: boolean,
  { technology, compared }: { readonly technology: Claims['technology']; readonly compared: boolean },
): Check {
  const weakest = LINKS.map((link) => chain[link]).reduce((worst, one) =>
    ANCHORS.indexOf(one) > ANCHORS.indexOf(worst) ? one : worst,
  );
  const shown = showChain(chain);
  if (weakest === 'self-asserted') {
    const expected = 'every link measured';
    const message =
      technology === 'snp'
        ? `${shown}: nothing says that the launch digest covers more than firmware; reference values for the whole image do.`
        : `${shown}: the guest image measures what it starts, and nothing lists this image.`;
    const status = compared ? 'failed' : 'unavailable';
    return { id: ID, status, anchor: weakest, expected, actual: weakest, message };
  }
  if (weakest === 'provider-vtpm') {
    const expected = 'hardware or a listed platform image';
    return {
      id: ID,
      status: 'failed',
      anchor: weakest,
      expected,
      actual: weakest,
      message: `${shown}: not enough alone.`,
    };
  }
  if (manifest.server.source.kind !== 'command') {
    return {
      id: ID,
      status: 'passed',
      anchor: weakest,
      message: `${shown}; server code: tree digest in the manifest.`,
    };
  }
  const message = `${shown}; server code: not measured, the manifest has only its command line`;
  return isSimulated
    ? { id: ID, status: 'waived', anchor: weakest, message: `${message} (possible in the simulator only).` }
    : {
        id: ID,
        status: 'failed',
        anchor: weakest,
        expected: 'a measured source',
        actual: 'command',
        message: `${message}.`,
      };
}

/** `firmware, kernel and root file system: hardware; enclave and manifest: platform-image`. */
function showChain(chain: Chain): string {
  const groups: { readonly anchor: LinkAnchor; readonly links: string[] }[] = [];
  for (const link of LINKS) {
    const last = groups.at(-1);
    if (last?.anchor === chain[link]) last.links.push(link);
    else groups.push({ anchor: chain[link], links: [link] });
  }
  return groups.map(({ anchor, links }) => `${joined(links)}: ${anchor}`).join('; ');
}

function joined(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function selfAsserted(finding: Finding): Check {
  const { expected, actual, message } = finding;
  const difference = { ...(expected === undefined ? {} : { expected }), ...(actual === undefined ? {} : { actual }) };
  return { id: ID, status: 'failed', anchor: 'self-asserted', ...difference, message };
}
