/**
 * Limits, checked and compiled. A limit that nothing could ever count against gives false comfort, and so
 * does one that a rule beside it goes around; neither loads.
 *
 * @module
 */
import type { KeyLimit } from '@vitrine/documents';
import { checkSolanaAddress, compileAmount } from './compile-effect.ts';
import { checkEvmChain } from './compile-rule.ts';
import type { ActionFamily, LoadedAllowRule, LoadedLimit } from './loaded-policy.ts';
import { type Path, quoted, refusePolicy } from './policy-error.ts';

/** What was signed is kept for so long, so windows have an end. */
const MAX_WINDOW_SECONDS: number = 366 * 24 * 3600;
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
  checkTools(path, limit, place);
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
  checkCounted(path, chain, asset, allowRules);
}

/** Whoever calls may name any tool, and each new name would have the whole limit for itself. */
function checkTools(path: Path, limit: KeyLimit, { allowRules }: LimitPlace): void {
  if (limit.per !== 'tool') return;
  const open = allowRules.find(
    (rule) => rule.tools === undefined && (limit.kind === 'rate' || canMove(rule, limit.chain, limit.asset)),
  );
  if (open === undefined) return;
  refusePolicy(
    'unbounded-limit',
    [...path, 'per'],
    `counts for each tool by itself, and rule ${quoted(open.id)} is for tools of any name; name its tools, or write per: key`,
  );
}

/** What a contract does with a call, or with typed data that is not decoded, is not known here and not counted. */
function checkCounted(path: Path, chain: string, asset: string, allowRules: readonly LoadedAllowRule[]): void {
  const around = allowRules.find(
    ({ chains, contracts, effects = [], action }) =>
      chains?.has(chain) !== false &&
      (effects.some((pattern) => pattern.kind === 'call' && pattern.contracts.has(asset)) ||
        (action === 'evm.typed-data' && effects.length === 0 && contracts?.has(asset) === true)),
  );
  if (around === undefined) return;
  refusePolicy(
    'uncounted',
    [...path, 'asset'],
    `rule ${quoted(around.id)} lets the token's own contract do what is not counted here; leave it out of that rule, or leave out the limit`,
  );
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
