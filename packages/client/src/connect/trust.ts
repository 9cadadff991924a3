/**
 * What a user demands of one server: policy, reference values, pin and allowed simulators, put
 * together from what the user wrote and keeps. Nothing of it comes from the server.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { type ReferenceValues, UsageError } from '@vitrine/documents';
import {
  type AppraisalPolicy,
  type Endorsement,
  type EndorsementFetcher,
  type PresetName,
  presets,
  simulatorAnchor,
  type TrustAnchor,
} from '@vitrine/verifier';
import { RefusedError } from '../errors.ts';
import { pinReferenceValues, sourceUnchecked } from '../pins/pin.ts';
import { type Pin, pinPolicy } from '../pins/pins-document.ts';
import { findPin, pinsFile } from '../pins/pins-store.ts';
import { simulatorRootFile } from '../pins/vitrine-home.ts';
import { isLoopback, normaliseUrl } from '../server-url.ts';

export interface Trust {
  /** Normalised. */
  readonly url: string;
  readonly policy: AppraisalPolicy;
  /** The preset's name where the policy is a preset, for people and for pins. */
  readonly policyName: PresetName | undefined;
  readonly referenceValues: ReferenceValues | undefined;
  readonly simulatorAnchors: readonly TrustAnchor[];
  readonly allowSimulated: boolean;
  readonly endorsements: readonly Endorsement[];
  readonly fetchEndorsements: EndorsementFetcher | undefined;
  /** Held against every result in addition to the policy. */
  readonly pin: Pin | undefined;
  /** The highest manifest number that was seen, also where other reference values take the pin's place. */
  readonly leastNumber: number | undefined;
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
  readonly endorsements?: readonly Endorsement[];
  readonly fetchEndorsements?: EndorsementFetcher;
}

/**
 * Resolves what is demanded of `url`.
 *
 * @throws UsageError for a bad URL, damaged pins or a missing simulator root; RefusedError (check
 *   `pin.missing`) for a server that is neither pinned nor judged by an explicit policy;
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
  const allowSimulated =
    options.allowSimulator === true || options.simulatorRootPem !== undefined || pin?.simulated === true;
  return {
    url: server,
    policy: options.policy === undefined && pin !== undefined ? pinPolicy(pin) : expand(chosen),
    policyName: typeof chosen === 'string' ? chosen : undefined,
    referenceValues: options.referenceValues ?? (pin === undefined ? undefined : pinReferenceValues(pin)),
    simulatorAnchors: allowSimulated ? [await simulatorRoot(server, options)] : [],
    allowSimulated,
    endorsements: options.endorsements ?? [],
    fetchEndorsements: options.fetchEndorsements,
    pin: options.referenceValues === undefined ? pin : undefined,
    leastNumber: pin?.manifestNumber,
  };
}

function expand(policy: PresetName | AppraisalPolicy): AppraisalPolicy {
  return typeof policy === 'string' ? presets[policy] : policy;
}

async function simulatorRoot(url: string, options: TrustOptions): Promise<TrustAnchor> {
  if (options.simulatorRootPem !== undefined) return simulatorAnchor(options.simulatorRootPem);
  if (!isLoopback(url)) {
    throw new UsageError(
      'simulator.loopback',
      `a simulator at ${url} is not on this machine: your own simulator's root says nothing about it. Give --simulator-root FILE`,
    );
  }
  if (options.home === undefined) {
    throw new UsageError('simulator.root', 'no directory with a simulator of your own is known; give its root');
  }
  const file = simulatorRootFile(options.home);
  try {
    return simulatorAnchor(await readFile(file, 'utf8'));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(
      'simulator.root',
      `no simulator root at ${file}: start one with "vitrine run", or give --simulator-root FILE`,
      { cause },
    );
  }
}
