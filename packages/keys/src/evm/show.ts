/**
 * What a request does, one line for each effect, for people who are asked to agree.
 *
 * Amounts are in the smallest unit, since the decimals of a token are what its contract claims; native
 * coins, whose decimals are fixed, are shown in whole coins too. Nothing is shortened: addresses that
 * begin and end alike are made to be taken for each other.
 *
 * @module
 */
import type { Effect } from '../intent.ts';

/** Allowances of these sizes are meant as "everything", and many tokens never count them down. */
const EVERYTHING: ReadonlySet<bigint> = new Set([96n, 160n, 255n, 256n].map((bits) => (1n << bits) - 1n));
/** No token has so many units. */
const MORE_THAN_THERE_IS = 1n << 128n;
/** The last second that a date can show. */
const LAST_DATE = 8_640_000_000_000n;

/** One line of plain text. `chain` is CAIP-2. */
export function describeEffect(effect: Effect, chain: string): string {
  switch (effect.kind) {
    case 'native-transfer':
      return `send ${coins(effect.amount, 18)} (${effect.amount} wei) to ${effect.to} on ${chain}`;
    case 'token-transfer':
      return `transfer ${what(effect)}${effect.from === undefined ? '' : ` from ${effect.from}`} to ${effect.to} on ${chain}`;
    case 'token-approval':
      return `${approval(effect)}${until(effect.deadline)} on ${chain}`;
    case 'call':
      return `call function ${effect.selector} of contract ${effect.contract} with ${effect.data.length} bytes of arguments on ${chain}`;
    case 'sol-transfer':
      return `send ${coins(effect.amount, 9)} (${effect.amount} lamports) to ${effect.to} on ${chain}`;
    case 'spl-transfer':
      return `transfer ${effect.amount} units of mint ${effect.mint} from token account ${effect.from} to token account ${effect.to} on ${chain}`;
  }
}

function what(effect: Effect & { readonly kind: 'token-transfer' }): string {
  switch (effect.standard) {
    case 'erc20':
      return `${effect.amount} units of token ${effect.token}`;
    case 'erc721':
      return `item ${effect.id} of collection ${effect.token}`;
    case 'erc1155':
      return `${effect.amount} units of item ${effect.id} of collection ${effect.token}`;
    case 'erc20-or-erc721':
      return `${effect.amount} units (or the item of that number) of token ${effect.token}`;
  }
}

function approval({ spender, token, amount, standard }: Effect & { readonly kind: 'token-approval' }): string {
  const nft = standard === 'erc721' || standard === 'erc1155';
  if (amount === 0n && standard !== 'erc20-or-erc721')
    return nft
      ? `stop ${spender} from moving items of collection ${token}`
      : `let ${spender} spend nothing of token ${token}`;
  if (nft) return `let ${spender} move ALL items of collection ${token}`;
  const other = standard === 'erc20-or-erc721' ? ` (or move the item of number ${amount})` : '';
  return isUnlimited(amount)
    ? `let ${spender} spend an UNLIMITED amount of token ${token} (${amount} units)`
    : `let ${spender} spend ${amount} units of token ${token}${other}`;
}

function isUnlimited(amount: bigint): boolean {
  return EVERYTHING.has(amount) || amount >= MORE_THAN_THERE_IS;
}

function until(deadline: bigint | undefined): string {
  if (deadline === undefined) return '';
  if (deadline === 0n) return ' within the same block';
  if (deadline > LAST_DATE) return ' without an end';
  return ` until ${new Date(Number(deadline) * 1000).toISOString().replace('.000Z', 'Z')}`;
}

/** Whole coins with all their decimals, without zeros at the end. */
function coins(amount: bigint, decimals: number): string {
  const digits = amount.toString().padStart(decimals + 1, '0');
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  const whole = digits.slice(0, -decimals);
  return `${fraction === '' ? whole : `${whole}.${fraction}`} ${decimals === 9 ? 'SOL' : 'coins'}`;
}
