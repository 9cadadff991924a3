/**
 * Judges the evidence of a live connection by what a user demands. This is the only gate between a
 * connection and the first MCP byte.
 *
 * @module
 */
import type { EvidenceBundle } from '@vitrine/documents';
import {
  type AttestationResult,
  type ExpectedChannel,
  requireVerified,
  VerificationError,
  verify,
} from '@vitrine/verifier';
import type { Judge } from '../channel/attested-socket.ts';
import { RefusedError } from '../errors.ts';
import { describePinMismatch, requirePinned } from '../pins/pin.ts';
import type { Pin } from '../pins/pins-document.ts';
import type { SealedState } from '../pins/sealed-state.ts';
import type { StateWitness } from './state-witness.ts';
import type { Trust } from './trust.ts';

/** Verifies a bundle for one connection; every verdict is returned. */
export function appraiseLive(
  trust: Trust,
  bundle: EvidenceBundle,
  channel: ExpectedChannel,
  now: Date,
): Promise<AttestationResult> {
  return verify(
    { kind: 'bundle', bundle },
    {
      policy: trust.policy,
      now,
      endorsements: trust.endorsements,
      simulatorAnchors: trust.simulatorAnchors,
      channel,
      denyLists: trust.denyLists,
      ...(trust.tpmAk === undefined ? {} : { tpm: { ak: trust.tpmAk } }),
      ...(trust.referenceValues === undefined ? {} : { referenceValues: trust.referenceValues }),
      ...(trust.fetchEndorsements === undefined ? {} : { fetchEndorsements: trust.fetchEndorsements }),
    },
  );
}

export interface TrustWatch {
  /** Told each verdict, before it is acted on. */
  readonly onResult?: ((result: AttestationResult) => void) | undefined;
  /** Told each result that was admitted. */
  readonly onAdmitted?: ((result: AttestationResult) => void) | undefined;
  /** Remembers how far keys and data have got. */
  readonly witness?: StateWitness | undefined;
}

/**
 * A judge that admits only what may carry MCP: verified (or simulated where allowed), about this
 * very connection, as pinned, and not behind what was seen before.
 */
export function requireTrust(
  trust: Trust,
  now: () => Date,
  { onResult, onAdmitted, witness }: TrustWatch = {},
): Judge<AttestationResult> {
  const judge = async (
    bundle: EvidenceBundle,
    channel: ExpectedChannel,
    seen: SealedState | undefined,
  ): Promise<AttestationResult> => {
    const result = await appraiseLive(trust, bundle, channel, now());
    onResult?.(result);
    try {
      requireVerified(result, { allowSimulated: trust.allowSimulated });
    } catch (error) {
      throw withDifferences(error, trust.pin);
    }
    if (result.scope !== 'live') {
      throw new RefusedError(
        'policy.scope',
        'the policy waives the workload, so nothing says what would receive your data; use a policy that demands it',
      );
    }
    if (trust.pin !== undefined) requirePinned(trust.pin, result);
    else requireNumber(trust.remembered?.manifestNumber, result);
    await witness?.take(seen, result);
    onAdmitted?.(result);
    return result;
  };
  if (witness === undefined) return (bundle, channel) => judge(bundle, channel, undefined);
  const begin = async (): Promise<Judge<AttestationResult>> => {
    const seen = await witness.seen();
    return (bundle, channel) => judge(bundle, channel, seen);
  };
  return Object.assign(async (...asked: Parameters<Judge<AttestationResult>>) => (await begin())(...asked), { begin });
}

/** Other reference values can take a pin's place, but an older release stays refused. */
function requireNumber(least: number | undefined, { claims }: AttestationResult): void {
  const number = claims?.manifest?.number;
  if (least === undefined || (number !== undefined && number >= least)) return;
  throw new RefusedError(
    'pin.manifest-number',
    `the server has manifest number ${number ?? 'none'}; you have seen number ${least} of it`,
  );
}

/** A pin's measurements are part of the verdict; what differs from them is told beside it. */
function withDifferences(error: unknown, pin: Pin | undefined): unknown {
  if (!(error instanceof VerificationError) || pin === undefined) return error;
  const details = describePinMismatch(pin, error.result);
  if (details.length === 0) return error;
  const cause = new RefusedError('pin.changed', 'the server is not the one that you pinned', { details });
  return new VerificationError(error.message, error.result, { cause });
}
