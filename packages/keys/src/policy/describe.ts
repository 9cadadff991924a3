/**
 * What a request does, in lines for people: in confirmations, approvals and explanations.
 *
 * Texts of the request are quoted, so that none of them can pass for a line of ours.
 *
 * @module
 */
import type { Effect, Intent } from '../intent.ts';

/** The decimals of native value; tokens say theirs themselves, which nobody here can check. */
const ETHER_DECIMALS = 18;
const SOL_DECIMALS = 9;
const MAX_TEXT = 500;
const UNLIMITED = 1n << 255n;

/** One line for each thing that happens; amounts in the smallest unit, exactly. */
export function describeIntent(intent: Intent): readonly string[] {
  switch (intent.action) {
    case 'evm.transaction':
      return [
        ...intent.effects.map((effect) => `${describeEffect(effect)} on ${intent.chain}`),
        `pays a fee of at most ${native(intent.fee, 'wei', ETHER_DECIMALS)}`,
      ];
    case 'evm.message':
      return [`signs the message ${shown(intent.text)}`];
    case 'evm.typed-data':
      return [
        `signs typed data ${shown(intent.primaryType)} for ${intent.contract} on ${intent.chain}: ${shown(intent.shown)}`,
        ...intent.effects.map((effect) => `with it, ${describeEffect(effect)} on ${intent.chain}`),
      ];
    case 'solana.message':
      return [
        ...intent.effects.map(describeEffect),
        `pays a fee of at most ${native(intent.fee, 'lamports', SOL_DECIMALS)}`,
      ];
    case 'jws':
      return [
        `signs a token of type ${shown(intent.type)} for ${intent.audiences.map(shown).join(', ') || 'no audience'}, valid for ${intent.lifetime} seconds: ${shown(intent.shown)}`,
      ];
    case 'sign':
      return [`signs bytes in the context ${shown(intent.context)}`];
    case 'encrypt':
    case 'decrypt':
      return [`${intent.action}s bytes in the context ${shown(intent.context)}`];
    case 'mac':
      return [`authenticates bytes in the context ${shown(intent.context)}`];
  }
}

export function describeEffect(effect: Effect): string {
  switch (effect.kind) {
    case 'native-transfer':
      return `sends ${native(effect.amount, 'wei', ETHER_DECIMALS)} to ${effect.to}`;
    case 'sol-transfer':
      return `sends ${native(effect.amount, 'lamports', SOL_DECIMALS)} to ${effect.to}`;
    case 'spl-transfer':
      return `sends ${effect.amount} units of the token ${effect.mint} from ${effect.from} to ${effect.to}`;
    case 'token-transfer': {
      const from = effect.from === undefined ? '' : ` from ${effect.from}`;
      return `sends ${tokens(effect)}${from} to ${effect.to}`;
    }
    case 'token-approval': {
      const until = effect.deadline === undefined ? '' : `, until ${effect.deadline} seconds after 1970`;
      if (effect.amount >= UNLIMITED)
        return `lets ${effect.spender} take without limit from the token ${effect.token}${until}`;
      return `lets ${effect.spender} take ${tokens(effect)}${until}`;
    }
    case 'call':
      return `calls the function ${effect.selector} of ${effect.contract} with ${effect.data.length} bytes`;
  }
}

function tokens(effect: Extract<Effect, { kind: 'token-transfer' | 'token-approval' }>): string {
  const number = 'id' in effect && effect.id !== undefined ? `, number ${effect.id},` : '';
  const doubt = effect.standard === 'erc20-or-erc721' ? ' (or, if it is ERC-721, the one of this number)' : '';
  return `${effect.amount} units of the token ${effect.token}${number}${doubt}`;
}

/** Such as `1500000000000000000 wei (1.5 × 10^18)`. */
function native(amount: bigint, unit: string, decimals: number): string {
  if (amount < 10n ** BigInt(decimals - 6)) return `${amount} ${unit}`;
  const digits = amount.toString().padStart(decimals + 1, '0');
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  return `${amount} ${unit} (${digits.slice(0, -decimals)}${fraction === '' ? '' : `.${fraction}`} × 10^${decimals})`;
}

/** Quoted, with everything that a terminal or a reader could misunderstand escaped. */
function shown(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
  return JSON.stringify(cut).replace(
    /[\u007f-\u00a0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff0-\ufffb\ud800-\udfff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
