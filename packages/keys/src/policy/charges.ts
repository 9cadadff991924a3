/**
 * What a request counts against the limits of its key.
 *
 * @module
 */
import type { LoadedLimit, LoadedPolicy } from './loaded-policy.ts';
import type { Request } from './request.ts';

/** One limit, and how much of it the request uses up. */
export interface Charge {
  /** Id of the limit. */
  readonly limit: string;
  /** Of limits on value. */
  readonly chain?: string;
  readonly asset?: string;
  /** In the smallest unit; for a rate 1. Above 0. */
  readonly amount: bigint;
}

/**
 * Transfers and allowances by token, native value with the highest possible fee, and one for each
 * signature. What a contract does with a call is not known here, and not counted.
 */
export function chargesOf(policy: LoadedPolicy, request: Request): readonly Charge[] {
  return policy.limits.flatMap((limit): readonly Charge[] => {
    if (limit.kind === 'rate') return [{ limit: limit.id, amount: 1n }];
    const amount = amountFor(limit, policy, request);
    return amount === 0n ? [] : [{ limit: limit.id, chain: limit.chain, asset: limit.asset, amount }];
  });
}

function amountFor(
  { chain, asset }: Extract<LoadedLimit, { kind: 'value' }>,
  { tokens }: LoadedPolicy,
  request: Request,
): bigint {
  if (request.chain !== chain) return 0n;
  let sum = asset === 'native' ? (request.fee ?? 0n) : 0n;
  for (const deed of request.deeds) {
    if (deed.kind === 'call' || deed.asset !== asset) continue;
    // Allowed as a token of one of a kind only, where the policy names it as such.
    const single = deed.standard === 'either' && tokens.get(asset) === 'nft';
    sum += single ? 1n : deed.amount;
  }
  return sum;
}
