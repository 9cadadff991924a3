/**
 * Effects as rules write them, checked and compiled.
 *
 * @module
 */
import { base58 } from '@scure/base';
import type { EvmEffectPattern, SolanaEffectPattern } from '@vitrine/documents';
import { compileCall } from './compile-call.ts';
import type { Cap, EffectPattern, MovePattern, Places } from './loaded-policy.ts';
import { type Path, quoted, refusePolicy, uniqueSet } from './policy-error.ts';

/** Of all rules of a key together; with the limit on effects of a request it bounds the time of a decision. */
const MAX_PATTERNS = 1000;
/** Lamports and amounts of SPL tokens. */
const SOLANA_BITS = 64;
const EVM_BITS = 256;

/** What has been read of one key's policy so far, where one rule concerns another. */
export interface KeyReading {
  /** By token: the standard that the policy says it has, and where it says so first. */
  readonly tokens: Map<string, { readonly standard: 'erc20' | 'nft'; readonly path: Path }>;
  /** Signature by selector. */
  readonly selectors: Map<string, string>;
  patterns: number;
}

/** Where the pattern stands: of a rule of this effect and action. */
export interface PatternPlace {
  readonly effect: 'allow' | 'deny';
  readonly action: 'evm.transaction' | 'evm.typed-data' | 'solana.message';
}

/** @throws UsageError `policy.*`. */
export function compileEffects(
  path: Path,
  written: readonly (EvmEffectPattern | SolanaEffectPattern)[],
  place: PatternPlace,
  reading: KeyReading,
): readonly EffectPattern[] {
  reading.patterns += written.length;
  if (reading.patterns > MAX_PATTERNS) {
    refusePolicy('size', path, `the rules of a key may have ${MAX_PATTERNS} effects in all, found more`);
  }
  return written.map((one, index) => compileEffect([...path, index], one, place, reading));
}

/** An amount below 2^bits. */
export function compileAmount(path: Path, written: string, bits: number, orElse = ''): bigint {
  const amount = BigInt(written);
  if (amount >> BigInt(bits) !== 0n) {
    refusePolicy('amount', path, `found ${written}, expected less than 2^${bits}${orElse}`);
  }
  return amount;
}

/** `max`, which says nothing clear in a rule that denies. */
export function compileCap(path: Path, written: string, bits: number, effect: 'allow' | 'deny'): Cap {
  if (written === 'any') return 'any';
  if (effect === 'deny') {
    refusePolicy(
      'deny-max',
      path,
      `found ${written}, expected "any": a denied maximum could mean what is above or what is below it; what no allow rule covers is denied anyway`,
    );
  }
  return compileAmount(path, written, bits, '; write "any" where every amount is meant');
}

/** `above`, which must leave amounts between itself and `max`, and says nothing clear in a rule that denies. */
function compileAbove(
  path: Path,
  written: { readonly above?: string; readonly max: string },
  bits: number,
  effect: 'allow' | 'deny',
): { readonly above?: bigint } {
  if (written.above === undefined) return {};
  const own = [...path, 'above'];
  if (effect === 'deny') {
    refusePolicy('deny-max', own, 'a rule that denies has no "above"; what no allow rule covers is denied anyway');
  }
  const above = compileAmount(own, written.above, bits);
  const top = written.max === 'any' ? (1n << BigInt(bits)) - 1n : BigInt(written.max);
  if (above >= top) {
    refusePolicy('never-matches', own, `found ${written.above}, expected less than max ${top}: no amount lies between`);
  }
  return { above };
}

/** An address of Solana has 32 bytes; the pattern of its text admits others. */
export function checkSolanaAddress(path: Path, address: string): void {
  let bytes = 0;
  try {
    bytes = base58.decode(address).length;
  } catch {
    // Reported below, as an address without bytes.
  }
  if (bytes !== 32) refusePolicy('address', path, `${quoted(address)} is not base58 of 32 bytes`);
}

function compileEffect(
  path: Path,
  written: EvmEffectPattern | SolanaEffectPattern,
  place: PatternPlace,
  reading: KeyReading,
): EffectPattern {
  if (place.action === 'evm.typed-data' && (written.kind === 'native-transfer' || written.kind === 'call')) {
    refusePolicy(
      'never-matches',
      [...path, 'kind'],
      `typed data never has the effect ${quoted(written.kind)}; it can be erc20-transfer, erc20-approval, nft-transfer or nft-approval`,
    );
  }
  const evmMax = (max: string): Cap => compileCap([...path, 'max'], max, EVM_BITS, place.effect);
  const evmAbove = (amounts: { readonly above?: string; readonly max: string }): { readonly above?: bigint } =>
    compileAbove(path, amounts, EVM_BITS, place.effect);
  const solanaAbove = (amounts: { readonly above?: string; readonly max: string }): { readonly above?: bigint } =>
    compileAbove(path, amounts, SOLANA_BITS, place.effect);
  const solanaMax = (max: string): Cap => compileCap([...path, 'max'], max, SOLANA_BITS, place.effect);
  const places = (member: string, found: 'any' | readonly string[]): Places =>
    found === 'any' ? 'any' : uniqueSet([...path, member], found);
  const solanaPlaces = (member: string, found: 'any' | readonly string[]): Places => {
    if (found !== 'any') {
      for (const [index, address] of found.entries()) checkSolanaAddress([...path, member, index], address);
    }
    return places(member, found);
  };
  const token = (
    standard: 'erc20' | 'nft',
    found: 'any' | readonly string[],
  ): Pick<MovePattern, 'standard' | 'asset'> => {
    if (found !== 'any') nameTokens([...path, 'token'], found, standard, reading);
    return { standard, asset: places('token', found) };
  };
  const { kind } = written;
  switch (kind) {
    case 'native-transfer':
      return {
        kind,
        written: kind,
        asset: 'any',
        to: places('to', written.to),
        max: evmMax(written.max),
        ...evmAbove(written),
      };
    case 'erc20-transfer':
    case 'nft-transfer':
      return {
        kind: 'token-transfer',
        written: kind,
        ...token(kind === 'nft-transfer' ? 'nft' : 'erc20', written.token),
        to: places('to', written.to),
        max: evmMax(written.max),
        ...(written.kind === 'erc20-transfer' ? evmAbove(written) : {}),
      };
    case 'erc20-approval':
    case 'nft-approval':
      return {
        kind: 'token-approval',
        written: kind,
        ...token(kind === 'nft-approval' ? 'nft' : 'erc20', written.token),
        to: places('spender', written.spender),
        max: written.kind === 'nft-approval' ? 'any' : evmMax(written.max),
        ...(written.kind === 'nft-approval' ? {} : evmAbove(written)),
      };
    case 'call':
      return compileCall(path, written, place.effect, reading.selectors);
    case 'sol-transfer':
      return {
        kind,
        written: kind,
        asset: 'any',
        to: solanaPlaces('to', written.to),
        max: solanaMax(written.max),
        ...solanaAbove(written),
      };
    case 'spl-transfer':
      return {
        kind,
        written: kind,
        asset: solanaPlaces('mint', written.mint),
        to: solanaPlaces('to', written.to),
        max: solanaMax(written.max),
        ...solanaAbove(written),
      };
  }
}

/** Two standards share functions: with both for one token, a request would mean two things. */
function nameTokens(path: Path, tokens: readonly string[], standard: 'erc20' | 'nft', reading: KeyReading): void {
  for (const [index, token] of tokens.entries()) {
    const before = reading.tokens.get(token);
    if (before !== undefined && before.standard !== standard) {
      refusePolicy(
        'two-readings',
        [...path, index],
        `${token} stands here as ${standard} and elsewhere in the policy of this key as ${before.standard}, which can be read in two ways; leave one out`,
      );
    }
    if (before === undefined) reading.tokens.set(token, { standard, path: [...path, index] });
  }
}
