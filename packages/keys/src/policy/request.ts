/**
 * An intent in the form in which rules are matched: what it does, one deed after the other, whatever the
 * chain calls them.
 *
 * Lists of denied addresses compare texts, so an address in another spelling would slip through; here
 * each must have the one spelling that policies have.
 *
 * @module
 */
import { decodeStaticArguments } from '../evm/call-arguments.ts';
import type { Effect, Intent } from '../intent.ts';
import type { MovePattern } from './loaded-policy.ts';

/** With the limit on patterns of a policy it bounds the time of a decision. */
const MAX_EFFECTS = 64;

export interface Move {
  readonly kind: MovePattern['kind'];
  /** For tokens alone; `either` where the function called is of both standards. */
  readonly standard?: 'erc20' | 'nft' | 'either';
  /** Token or mint, or `native`. */
  readonly asset: string;
  /** Recipient, or spender. */
  readonly to: string;
  /** Of a token that may be of either standard as ERC-20. */
  readonly amount: bigint;
}
export interface Call {
  readonly kind: 'call';
  readonly contract: string;
  readonly selector: string;
  /** The arguments by a signature of this selector; `undefined` where the data is not exactly that. */
  readonly read: (signature: string) => readonly (bigint | string)[] | undefined;
}
export type Deed = Move | Call;

export interface Request {
  readonly intent: Intent;
  readonly chain?: string;
  readonly deeds: readonly Deed[];
  readonly fee?: bigint;
}

const EVM_ADDRESS = /^0x[0-9a-f]{40}$/;
const SOLANA_ADDRESS = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;
const EVM_CHAIN = /^eip155:[1-9][0-9]{0,18}$/;
const STANDARD = { erc20: 'erc20', erc721: 'nft', erc1155: 'nft', 'erc20-or-erc721': 'either' } as const;

/** The request, or why it is none that could be judged: a defect of whoever decoded it. */
export function readRequest(intent: Intent): Request | string {
  switch (intent.action) {
    case 'evm.transaction':
      if (!EVM_CHAIN.test(intent.chain)) return 'its chain is not in the form eip155:<id>';
      if (!isAmount(intent.fee)) return 'its fee is not an amount';
      return withDeeds({ intent, chain: intent.chain, fee: intent.fee }, intent.effects);
    case 'evm.typed-data':
      if (!EVM_CHAIN.test(intent.chain)) return 'its chain is not in the form eip155:<id>';
      if (!EVM_ADDRESS.test(intent.contract)) return 'its verifying contract is not a lower-case address';
      return withDeeds({ intent, chain: intent.chain }, intent.effects);
    case 'solana.message':
      if (intent.chain !== 'solana') return 'its chain is not solana';
      if (!isAmount(intent.fee)) return 'its fee is not an amount';
      return withDeeds({ intent, chain: intent.chain, fee: intent.fee }, intent.effects);
    case 'evm.message':
    case 'jws':
    case 'sign':
    case 'encrypt':
    case 'decrypt':
    case 'mac':
      return { intent, deeds: [] };
    default:
      return 'its action is not one that policies know';
  }
}

function withDeeds(request: Omit<Request, 'deeds'>, effects: readonly Effect[]): Request | string {
  if (effects.length > MAX_EFFECTS) return `it has ${effects.length} effects, at most ${MAX_EFFECTS} are judged`;
  const deeds: Deed[] = [];
  for (const effect of effects) {
    const deed = readEffect(effect);
    if (typeof deed === 'string') return deed;
    deeds.push(deed);
  }
  return { ...request, deeds };
}

function readEffect(effect: Effect): Deed | string {
  switch (effect.kind) {
    case 'native-transfer':
      return move({ kind: effect.kind, asset: 'native', to: effect.to, amount: effect.amount }, EVM_ADDRESS);
    case 'token-transfer':
    case 'token-approval': {
      const standard = Object.hasOwn(STANDARD, effect.standard) ? STANDARD[effect.standard] : undefined;
      if (standard === undefined) return 'one of its tokens is of no known standard';
      const to = effect.kind === 'token-transfer' ? effect.to : effect.spender;
      return move({ kind: effect.kind, standard, asset: effect.token, to, amount: effect.amount }, EVM_ADDRESS);
    }
    case 'call':
      if (!EVM_ADDRESS.test(effect.contract)) return 'one of its contracts is not a lower-case address';
      return /^0x[0-9a-f]{8}$/.test(effect.selector)
        ? call(effect)
        : 'one of its selectors is not 4 bytes in lower case';
    case 'sol-transfer':
      return move({ kind: effect.kind, asset: 'native', to: effect.to, amount: effect.amount }, SOLANA_ADDRESS);
    case 'spl-transfer':
      return move({ kind: effect.kind, asset: effect.mint, to: effect.to, amount: effect.amount }, SOLANA_ADDRESS);
    default:
      return 'one of its effects is of no known kind';
  }
}

function move(deed: Move, address: RegExp): Move | string {
  if (deed.asset !== 'native' && !address.test(deed.asset))
    return 'one of its tokens is not an address in its one form';
  if (!address.test(deed.to)) return 'one of its recipients or spenders is not an address in its one form';
  return isAmount(deed.amount) ? deed : 'one of its amounts is not from 0 to 2^256 - 1';
}

/** Many rules may speak of one function; its arguments are read once. */
function call({ kind, contract, selector, data }: Extract<Effect, { kind: 'call' }>): Call {
  let known: { readonly signature: string; readonly values: ReturnType<Call['read']> } | undefined;
  return {
    kind,
    contract,
    selector,
    read: (signature) => {
      if (known?.signature !== signature) known = { signature, values: decodeStaticArguments(signature, data) };
      return known.values;
    },
  };
}

function isAmount(value: unknown): value is bigint {
  return typeof value === 'bigint' && value >= 0n && value >> 256n === 0n;
}
