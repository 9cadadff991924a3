/**
 * One look at a server: a live attestation, judged, and no MCP byte. For `verify` and `add`.
 *
 * @module
 */
import type { EvidenceBundle } from '@vitrine/documents';
import type { AttestationResult } from '@vitrine/verifier';
import { type AttestOptions, openAttestedSocket } from '../channel/attested-socket.ts';
import { appraiseLive } from './judge.ts';
import type { Trust } from './trust.ts';

export interface Look {
  readonly result: AttestationResult;
  readonly bundle: EvidenceBundle;
}

/**
 * Asks the server for evidence on one connection and closes it. Every verdict is returned, also
 * that of a server which must not be used.
 *
 * @throws RefusedError, UnreachableError or MalformedEvidenceError when there is nothing to judge.
 */
export async function verifyUrl(trust: Trust, options: AttestOptions & { readonly now: () => Date }): Promise<Look> {
  const { socket, judged } = await openAttestedSocket(
    new URL(trust.url),
    async (bundle, channel) => ({ bundle, result: await appraiseLive(trust, bundle, channel, options.now()) }),
    options,
  );
  socket.on('error', () => {});
  socket.end(() => socket.destroy());
  return judged;
}

/** Whether a result may be pinned: as it is, as trust on first use, or not at all. */
export type Pinnable =
  | { readonly ok: true; readonly firstUse: boolean; readonly simulated: boolean }
  | { readonly ok: false };

/**
 * Decides whether `add` may pin what `result` found. The one gap that may be accepted, and then by
 * the user, is that there was nothing to compare the code with.
 */
export function pinnable(result: AttestationResult, trust: Trust): Pinnable {
  const simulated = isSimulated(result, trust);
  if (result.scope !== 'live' || (simulated && !trust.allowSimulated)) return { ok: false };
  if (result.checks.some((check) => check.status === 'failed')) return { ok: false };
  const gaps = result.checks.filter((check) => check.status === 'unavailable').map((check) => check.id);
  if (gaps.length === 0) {
    return result.verdict === 'verified' || (result.verdict === 'simulated' && simulated)
      ? { ok: true, firstUse: false, simulated }
      : { ok: false };
  }
  return gaps.length === 1 && gaps[0] === 'workload.reference'
    ? { ok: true, firstUse: true, simulated }
    : { ok: false };
}

/** Whether the evidence is under an anchor that the user allowed and no vendor stands behind. */
function isSimulated({ claims }: AttestationResult, { simulatorAnchors, tpmAk }: Trust): boolean {
  // A TPM brings no chain: whoever vouches for its key is the user.
  if (claims?.technology === 'tpm') return tpmAk !== undefined;
  return simulatorAnchors.some((anchor) => anchor.name === claims?.anchor);
}
