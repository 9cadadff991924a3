/**
 * Whether an effect of a request is one that a rule speaks of.
 *
 * Both questions fail closed. For an allow rule a doubt is a miss: a token that may be of two standards
 * matches only where the rule names it, and a call only where all its arguments can be read. For a deny
 * rule a doubt is a match.
 *
 * @module
 */
import type { ArgumentCondition, CallPattern, EffectPattern, MovePattern, Places } from './loaded-policy.ts';
import type { Call, Deed, Move } from './request.ts';

/** The first condition that does not hold, and how many held before. */
export interface Miss {
  readonly progress: number;
  why(): string;
}

/** What all effects of a request that `pattern` speaks of move together, of the asset of `deed`. */
export type Totals = (pattern: MovePattern, deed: Move) => bigint;

/** Why an allow rule's pattern does not match; `undefined` where it does. */
export function missOf(pattern: EffectPattern, deed: Deed, totals: Totals): Miss | undefined {
  if (pattern.kind === 'call') {
    return deed.kind === 'call' ? missOfCall(pattern, deed) : otherKind(deed);
  }
  return deed.kind === 'call' ? otherKind(deed) : missOfMove(pattern, deed, totals);
}

/**
 * Totals over `deeds`: a maximum is for the whole request, or a transfer in parts would pass it. Each is
 * computed once, so a request of many effects stays cheap.
 */
export function totalsOver(deeds: readonly Deed[]): Totals {
  const known = new Map<MovePattern, ReadonlyMap<string, bigint>>();
  return (pattern, deed) => {
    let byAsset = known.get(pattern);
    if (byAsset === undefined) {
      const sums = new Map<string, bigint>();
      for (const one of deeds) {
        if (one.kind === 'call' || missOfPlaces(pattern, one) !== undefined) continue;
        sums.set(one.asset, (sums.get(one.asset) ?? 0n) + amountOf(pattern, one));
      }
      byAsset = sums;
      known.set(pattern, byAsset);
    }
    return byAsset.get(deed.asset) ?? amountOf(pattern, deed);
  };
}

/** Whether a deny rule's pattern matches. Its `max` is `any`. */
export function denies(pattern: EffectPattern, deed: Deed): boolean {
  if (pattern.kind === 'call') {
    if (deed.kind !== 'call' || pattern.selector !== deed.selector || !pattern.contracts.has(deed.contract))
      return false;
    const values = deed.read(pattern.signature);
    return values === undefined || pattern.conditions.every((condition) => holds(condition, values));
  }
  if (deed.kind !== pattern.kind) return false;
  const sameStandard = deed.standard === pattern.standard || deed.standard === 'either';
  return sameStandard && includes(pattern.asset, deed.asset) && includes(pattern.to, deed.to);
}

/** Such as `erc20-transfer`: what a rule would call it. */
function kindOf(deed: Deed): string {
  if (deed.kind === 'call' || deed.standard === undefined) return deed.kind;
  const standard = deed.standard === 'either' ? 'erc20-or-nft' : deed.standard;
  return `${standard}${deed.kind.slice('token'.length)}`;
}

function unitOf(deed: Pick<Move, 'kind'>): string {
  return { 'native-transfer': ' wei', 'sol-transfer': ' lamports' }[deed.kind as string] ?? '';
}

function missOfMove(pattern: MovePattern, deed: Move, totals: Totals): Miss | undefined {
  const places = missOfPlaces(pattern, deed);
  if (places !== undefined) return places;
  const { max, above } = pattern;
  if (max === 'any' && above === undefined) return undefined;
  const total = totals(pattern, deed);
  if (max !== 'any' && total > max) {
    return { progress: 3, why: () => `${total}${unitOf(deed)} is above max ${max}` };
  }
  if (above === undefined || total > above) return undefined;
  return { progress: 3, why: () => `${total}${unitOf(deed)} is not above ${above}` };
}

function missOfPlaces(pattern: MovePattern, deed: Move): Miss | undefined {
  if (deed.kind !== pattern.kind) return otherKind(deed);
  if (deed.standard !== pattern.standard) {
    if (deed.standard !== 'either') return otherKind(deed);
    if (pattern.asset === 'any') {
      return {
        progress: 1,
        why: () => `${deed.asset} may be ERC-20 or ERC-721 by the function called, and the rule does not name it`,
      };
    }
  }
  if (!includes(pattern.asset, deed.asset)) {
    return {
      progress: 1,
      why: () => `${deed.asset} is not among its ${deed.kind === 'spl-transfer' ? 'mints' : 'tokens'}`,
    };
  }
  if (includes(pattern.to, deed.to)) return undefined;
  const role = deed.kind === 'token-approval' ? 'spenders' : 'recipients';
  return { progress: 2, why: () => `${deed.to} is not among its ${role}` };
}

/** Where one token moves, what would be the amount of an ERC-20 is its number. */
function amountOf(pattern: MovePattern, deed: Move): bigint {
  return deed.standard === 'either' && pattern.standard === 'nft' ? 1n : deed.amount;
}

function missOfCall(pattern: CallPattern, deed: Call): Miss | undefined {
  if (!pattern.contracts.has(deed.contract)) {
    return { progress: 1, why: () => `${deed.contract} is not among its contracts` };
  }
  if (pattern.selector !== deed.selector) {
    return { progress: 2, why: () => `selector ${deed.selector} is not ${pattern.selector} of ${pattern.signature}` };
  }
  const values = deed.read(pattern.signature);
  if (values === undefined) {
    return { progress: 3, why: () => `the data of the call is not exactly the arguments of ${pattern.signature}` };
  }
  const failed = pattern.conditions.find((condition) => !holds(condition, values));
  if (failed === undefined) return undefined;
  return { progress: 4, why: () => argumentMiss(failed, values) };
}

function argumentMiss({ index, accepts }: ArgumentCondition, values: readonly (bigint | string)[]): string {
  const value = String(values[index]);
  return typeof accepts === 'bigint'
    ? `argument ${index}, ${value}, is above max ${accepts}`
    : `argument ${index}, ${value}, is not among its values`;
}

function holds({ index, accepts }: ArgumentCondition, values: readonly (bigint | string)[]): boolean {
  const value = values[index];
  if (typeof accepts === 'bigint') return typeof value === 'bigint' && value <= accepts;
  return value !== undefined && accepts.has(String(value));
}

function otherKind(deed: Deed): Miss {
  return { progress: 0, why: () => `none of its effects is of the kind ${kindOf(deed)}` };
}

function includes(places: Places, place: string): boolean {
  return places === 'any' || places.has(place);
}
