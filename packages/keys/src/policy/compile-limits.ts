/**
 * Limits, checked and compiled. A limit that nothing could ever count against gives false comfort, so it
 * does not load.
 *
 * @module
 */
import type { KeyLimit } from '@vitrine/documents';
import { checkSolanaAddress, compileAmount } from './compile-effect.ts';
import { checkEvmChain } from './compile-rule.ts';
import type { ActionFamily, LoadedAllowRule, LoadedLimit } from './loaded-policy.ts';
import { type Path, quoted, refusePolicy } from './policy-error.ts';

/** What was signed is kept for so long, so windows have an end. */
export const MAX_WINDOW_SECONDS: number = 366 * 24 * 3600;
const BITS = { evm: 256, solana: 64 } as const;

interface LimitPlace {
  readonly family: ActionFamily;
  readonly isolated: boolean;
  readonly allowRules: readonly LoadedAllowRule[];
}

/** @throws UsageError `policy.*`. */
export function compileLimit(path: Path, limit: KeyLimit, place: LimitPlace): LoadedLimit {
  const { id, window, per } = limit;
  if (window > MAX_WINDOW_SECONDS) {
    refusePolicy(
      'window',
      [...path, 'window'],
      `found ${window} seconds, at most ${MAX_WINDOW_SECONDS} (366 days) are kept`,
    );
  }
  if (per !== 'key' && !place.isolated) {
    refusePolicy(
      'not-isolated',
      [...path, 'per'],
      `a limit per ${per} needs a server of its own for each caller; leave out "isolation: shared", or write per: key`,
    );
  }
  if (limit.kind === 'rate') return { kind: 'rate', id, window, per, max: BigInt(limit.max) };
  const { chain, asset } = limit;
  checkAsset(path, chain, asset, place);
  const bits = place.family === 'solana' ? BITS.solana : BITS.evm;
  const max = compileAmount([...path, 'max'], limit.max, bits);
  if (max === 0n) refusePolicy('zero', [...path, 'max'], 'found 0; to forbid it write a deny rule, or no allow rule');
  return { kind: 'value', id, window, per, max, chain, asset };
}

function checkAsset(path: Path, chain: string, asset: string, { family, allowRules }: LimitPlace): void {
  const at = [...path, 'asset'];
  if (family === 'evm') {
    checkEvmChain([...path, 'chain'], chain);
    if (asset !== 'native' && !asset.startsWith('0x')) {
      refusePolicy('address', at, `found ${quoted(asset)}, expected "native" or an address with 0x on ${chain}`);
    }
  } else if (family === 'solana') {
    if (chain !== 'solana') {
      refusePolicy('chain', [...path, 'chain'], `found ${quoted(chain)}, expected solana for a key of Solana`);
    }
    if (asset !== 'native') checkSolanaAddress(at, asset);
  } else {
    refusePolicy('idle-limit', path, 'this key moves no value; only a limit of kind rate has a meaning');
  }
  if (!allowRules.some((rule) => canMove(rule, chain, asset))) {
    refusePolicy(
      'idle-limit',
      at,
      `no rule of this key can move ${asset === 'native' ? 'native value' : quoted(asset)} on ${chain}; correct it, or leave the limit out`,
    );
  }
}

function canMove(rule: LoadedAllowRule, chain: string, asset: string): boolean {
  if (rule.chains !== undefined && !rule.chains.has(chain)) return false;
  const patterns = rule.effects ?? [];
  if (asset === 'native') {
    // A fee is native value, too.
    const feeCounts = rule.fee !== undefined && rule.fee !== 0n;
    return feeCounts || patterns.some(({ kind }) => kind === 'native-transfer' || kind === 'sol-transfer');
  }
  return patterns.some(
    (pattern) =>
      (pattern.kind === 'token-transfer' || pattern.kind === 'token-approval' || pattern.kind === 'spl-transfer') &&
      (pattern.asset === 'any' || pattern.asset.has(asset)),
  );
}
