/**
 * What a user demands of one server: policy, reference values, pin and allowed simulators, put
 * together from what the user wrote and keeps. Nothing of it comes from the server.
 *
 * @module
 */
import { type DenyList, type ReferenceValues, UsageError } from '@vitrine/documents';
import {
  type AppraisalPolicy,
  type Endorsement,
  type EndorsementFetcher,
  type PresetName,
  presets,
  simulatorAnchor,
  type TpmAttestationKey,
  type VerifyOptions,
} from '@vitrine/verifier';
import { denyListsAtHand, denyListsFile } from '../deny-lists/kept-deny-lists.ts';
import { RefusedError } from '../errors.ts';
import { pinReferenceValues, sourceUnchecked } from '../pins/pin.ts';
import { type Pin, pinPolicy } from '../pins/pins-document.ts';
import { findPin, pinsFile } from '../pins/pins-store.ts';
import { tpmKeyOf, tpmKeyPem } from '../pins/tpm-key.ts';
import { isLoopback, normaliseUrl } from '../server-url.ts';
import { ownSimulatorRoots } from './simulator-roots.ts';

export interface Trust {
  /** Normalised. */
  readonly url: string;
  readonly policy: AppraisalPolicy;
  /** The preset's name where the policy is a preset, for people and for pins. */
  readonly policyName: PresetName | undefined;
  readonly referenceValues: ReferenceValues | undefined;
  readonly simulatorAnchors: VerifyOptions['simulatorAnchors'];
  /** The attestation key of a TPM that the user vouches for; evidence under it is never more than simulated. */
  readonly tpmAk: TpmAttestationKey | undefined;
  /** What they deny is refused, whatever the policy says of lists. */
  readonly denyLists: readonly DenyList[];
  readonly allowSimulated: boolean;
  readonly endorsements: readonly Endorsement[];
  readonly fetchEndorsements: EndorsementFetcher | undefined;
  /** Held against every result in addition to the policy. */
  readonly pin: Pin | undefined;
  /** What was seen of the server before, also where other reference values take the pin's place. */
  readonly remembered: Pin | undefined;
}

export interface TrustOptions {
  /** Directory with the user's files, see `vitrineHome`; without it there are no pins and no own simulator. */
  readonly home?: string;
  /** The pins file, if it is not `pins.json` in `home`. */
  readonly pinsFile?: string;
  /**
   * `connect` demands a pin or an explicit policy. `look` falls back to the preset `default`. `pin`
   * is a look that leaves an existing pin aside, since a new one is to be made.
   */
  readonly purpose: 'connect' | 'look' | 'pin';
  /** Takes the place of the pin's policy. */
  readonly policy?: PresetName | AppraisalPolicy;
  /** Take the place of the pin's measurements. */
  readonly referenceValues?: ReferenceValues;
  /** Accept this user's own simulator, at loopback addresses only. */
  readonly allowSimulator?: boolean;
  /** PEM of a simulator's root; giving it allows that simulator, at any address. */
  readonly simulatorRootPem?: string;
  /** The attestation key of a TPM; naming it allows evidence under it, at any address. */
  readonly tpmAk?: TpmAttestationKey;
  /** Deny-lists in addition to those that are kept in `home`. */
  readonly denyLists?: readonly DenyList[];
  readonly endorsements?: readonly Endorsement[];
  readonly fetchEndorsements?: EndorsementFetcher;
}

/**
 * Resolves what is demanded of `url`.
 *
 * @throws UsageError for a bad URL, damaged pins, a missing simulator root, or an older deny-list; RefusedError
 *   (check `pin.missing`) for a server that is neither pinned nor judged by an explicit policy, or (`pin.tpm-key`)
 *   for another key than the pinned one;
 *   UnreachableError (code `pin.source`) for a pin that this version cannot check.
 */
export async function resolveTrust(url: string, options: TrustOptions): Promise<Trust> {
  const server = normaliseUrl(url);
  const file = options.pinsFile ?? (options.home === undefined ? undefined : pinsFile(options.home));
  const stored = file === undefined ? undefined : await findPin(file, server);
  const pin = options.purpose === 'pin' ? undefined : stored;
  if (pin === undefined && options.policy === undefined && options.purpose === 'connect') {
    throw new RefusedError(
      'pin.missing',
      `${server} is not pinned, so there is nothing to hold it to; nothing was sent. ` +
        `Look at it and pin it: vitrine add ${server} --client claude-desktop; or give --policy FILE`,
    );
  }
  if (pin?.mode === 'source' && options.purpose === 'connect' && options.referenceValues === undefined) {
    throw sourceUnchecked(pin);
  }
  const chosen = options.policy ?? pin?.policy ?? 'default';
  const tpmAk = tpmKeyFor(pin, options);
  const pinnedSimulator = pin?.simulated === true && !(pin.mode === 'exact' && pin.tpmKey !== undefined);
  const simulator = options.allowSimulator === true || options.simulatorRootPem !== undefined || pinnedSimulator;
  return {
    url: server,
    policy: options.policy === undefined && pin !== undefined ? pinPolicy(pin) : expand(chosen),
    policyName: typeof chosen === 'string' ? chosen : undefined,
    referenceValues: options.referenceValues ?? (pin === undefined ? undefined : pinReferenceValues(pin)),
    simulatorAnchors: simulator ? await simulatorRoots(server, options) : [],
    tpmAk,
    denyLists:
      options.home === undefined
        ? (options.denyLists ?? [])
        : await denyListsAtHand(denyListsFile(options.home), options.denyLists ?? []),
    // Naming a TPM's key is permission for evidence under it, as naming a simulator's root is.
    allowSimulated: simulator || tpmAk !== undefined,
    endorsements: options.endorsements ?? [],
    fetchEndorsements: options.fetchEndorsements,
    pin: options.referenceValues === undefined ? pin : undefined,
    remembered: pin,
  };
}

function expand(policy: PresetName | AppraisalPolicy): AppraisalPolicy {
  return typeof policy === 'string' ? presets[policy] : policy;
}

/** The pin's key, since that is the one that was vouched for; another one needs another pin. */
function tpmKeyFor(pin: Pin | undefined, { tpmAk, referenceValues }: TrustOptions): TpmAttestationKey | undefined {
  const pinned = pin?.mode === 'exact' ? pin.tpmKey : undefined;
  if (pinned === undefined) return tpmAk;
  if (tpmAk === undefined) return tpmKeyOf(pinned);
  if (referenceValues === undefined && tpmKeyPem(tpmAk) !== pinned) {
    throw new RefusedError(
      'pin.tpm-key',
      'the attestation key that you give is not the one that you pinned; leave it out, or add the server again',
    );
  }
  return tpmAk;
}

async function simulatorRoots(url: string, options: TrustOptions): Promise<VerifyOptions['simulatorAnchors']> {
  if (options.simulatorRootPem !== undefined) return [simulatorAnchor(options.simulatorRootPem)];
  if (!isLoopback(url)) {
    throw new UsageError(
      'simulator.loopback',
      `a simulator at ${url} is not on this machine: your own simulator's root says nothing about it. Give --simulator-root FILE`,
    );
  }
  if (options.home === undefined) {
    throw new UsageError('simulator.root', 'no directory with a simulator of your own is known; give its root');
  }
  return ownSimulatorRoots(options.home);
}
