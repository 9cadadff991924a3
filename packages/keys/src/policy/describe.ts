/**
 * What a request does, in lines for people: in confirmations, approvals and explanations.
 *
 * Texts of the request are quoted, so that none of them can pass for a line of ours. What people are to agree
 * to must be shown without a cut: the end of a text is as much signed as its beginning.
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import { payloadOf } from '../context/context-bytes.ts';
import type { Effect, Intent } from '../intent.ts';

/** The decimals of native value; tokens say theirs themselves, which nobody here can check. */
const ETHER_DECIMALS = 18;
const SOL_DECIMALS = 9;
const MAX_TEXT = 500;
/** No token has so many units; Permit2's own "without limit" has 160 bits. */
const UNLIMITED = 1n << 128n;
/** Tokens that count with 96 bits read this as "without limit". */
const UNLIMITED_OF_96_BITS = (1n << 96n) - 1n;

/**
 * One line for each thing that happens; amounts in the smallest unit, exactly.
 *
 * @param most - Characters of one text of the request; what is longer is cut, and says so.
 */
export function describeIntent(intent: Intent, most: number = MAX_TEXT): readonly string[] {
  switch (intent.action) {
    case 'evm.transaction':
      return [
        ...intent.effects.map((effect) => `${describeEffect(effect, most)} on ${intent.chain}`),
        `pays a fee of at most ${native(intent.fee, 'wei', ETHER_DECIMALS)}`,
      ];
    case 'evm.message':
      return [`signs the message ${shown(intent.text, most)}`];
    case 'evm.typed-data':
      return [
        `signs typed data ${shown(intent.primaryType, most)} for ${intent.contract} on ${intent.chain}: ${shown(intent.shown, most)}`,
        ...intent.effects.map((effect) => `with it, ${describeEffect(effect, most)} on ${intent.chain}`),
      ];
    case 'solana.message':
      return [
        ...intent.effects.map((effect) => describeEffect(effect, most)),
        ...(intent.memos ?? []).map((memo) => `leaves the memo ${shown(memo, most)}`),
        `pays a fee of at most ${native(intent.fee, 'lamports', SOL_DECIMALS)}`,
      ];
    case 'jws':
      return [
        `signs a token of type ${shown(intent.type, most)} for ${intent.audiences.map((one) => shown(one, most)).join(', ') || 'no audience'}, valid for ${intent.lifetime} seconds: ${shown(intent.shown, most)}`,
      ];
    case 'sign':
      return [`signs in the context ${shown(intent.context, most)}: ${shownBytes(payloadOf(intent), most)}`];
    case 'encrypt':
    case 'decrypt':
      return [`${intent.action}s ${payloadOf(intent).length} bytes in the context ${shown(intent.context, most)}`];
    case 'mac':
      return [`authenticates in the context ${shown(intent.context, most)}: ${shownBytes(payloadOf(intent), most)}`];
  }
}

export function describeEffect(effect: Effect, most: number = MAX_TEXT): string {
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
      if (effect.amount >= UNLIMITED || effect.amount === UNLIMITED_OF_96_BITS)
        return `lets ${effect.spender} take without limit from the token ${effect.token}${until}`;
      return `lets ${effect.spender} take ${tokens(effect)}${until}`;
    }
    case 'call':
      return `calls the function ${effect.selector} of ${effect.contract} ${effect.data.length === 0 ? 'without arguments' : `with ${hexadecimal(effect.data, most)}`}`;
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

/** As text where the bytes are the one encoding of text, else in hexadecimal. */
function shownBytes(bytes: Uint8Array, most: number): string {
  try {
    return shown(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), most);
  } catch {
    return hexadecimal(bytes, most);
  }
}

function hexadecimal(bytes: Uint8Array, most: number): string {
  const digits = toHex(bytes);
  return digits.length > most ? `0x${digits.slice(0, most)}… (${bytes.length} bytes)` : `0x${digits}`;
}

/** Control and format characters, what is shown as nothing, and all blanks but the usual one. */
const MISLEADING = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;

/** Quoted, with everything that a terminal or a reader could misunderstand escaped. */
function shown(text: string, most: number): string {
  const cut = text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
  return JSON.stringify(cut).replace(MISLEADING, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
