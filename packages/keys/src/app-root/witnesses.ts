/**
 * Whether the witnesses of an upgrade policy say that its delay has passed. Only their clocks count: the two
 * times of one statement are of one clock, and no clock of this machine is read, since its owner can set it.
 *
 * A statement is good for ever: once the delay has passed, it has.
 *
 * @module
 */
import { hash } from 'node:crypto';
import {
  formatUtc,
  parseUtc,
  type Release,
  releaseSigned,
  secondsWitnessed,
  toHex,
  type UpgradePolicy,
  type WitnessStatement,
  witnessStatementSigned,
} from '@vitrine/documents';
import { verifies } from './signature.ts';

/** What one listed witness says of a release. */
export type WitnessStanding =
  | { readonly key: string; readonly state: 'absent' }
  /** The statement is not its own, or is of another release. */
  | { readonly key: string; readonly state: 'invalid'; readonly why: string }
  | {
      readonly key: string;
      /** Whether the delay has passed by this witness's statement. */
      readonly state: 'waiting' | 'passed';
      readonly firstSeen: string;
      readonly stated: string;
      /** The first time by the witness's clock at which a statement of it says so. */
      readonly ends: string;
    };

/** A policy whose delay is enforced. */
export interface EnforcedDelay {
  /** Seconds. */
  readonly minDelay: number;
  readonly witnesses: { readonly keys: readonly string[]; readonly threshold: number };
}

/** `undefined` where there is no delay, or nobody who could enforce it. */
export function enforcedDelay(policy: UpgradePolicy): EnforcedDelay | undefined {
  if (policy.kind === 'pinned') return undefined;
  const { minDelay, witnesses } = policy;
  return minDelay === undefined || witnesses === undefined ? undefined : { minDelay, witnesses };
}

/** Each listed witness once, in the order of the policy. */
export function witnessStandings(release: Release, { minDelay, witnesses }: EnforcedDelay): readonly WitnessStanding[] {
  const digest = toHex(hash('sha384', releaseSigned(release), 'buffer'));
  return [...new Set(witnesses.keys)].map((key) => {
    const statement = release.witnessed?.find((one) => one.key === key);
    if (statement === undefined) return { key, state: 'absent' };
    const why = faultOf(statement, digest);
    if (why !== undefined) return { key, state: 'invalid', why };
    const { firstSeen, stated } = statement;
    return {
      key,
      state: secondsWitnessed(statement) >= minDelay ? 'passed' : 'waiting',
      firstSeen,
      stated,
      ends: formatUtc((parseUtc(firstSeen) ?? Number.NaN) + minDelay),
    };
  });
}

/** What is wrong with a statement, if something is. */
export function faultOf(statement: WitnessStatement, digestOfRelease: string): string | undefined {
  if (statement.release !== digestOfRelease) return 'it is of another release';
  if (!(secondsWitnessed(statement) >= 0)) return 'it was stated before it was seen';
  return verifies(statement.signature, witnessStatementSigned(statement), statement.key)
    ? undefined
    : 'its signature does not verify';
}
