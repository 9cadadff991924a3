/**
 * Permit2, the contract that many applications move ERC-20 tokens with: who may spend, how much, until
 * when. Its functions name the token in an argument, so they are read only at its one address; elsewhere
 * the same selectors mean nothing known.
 *
 * What is not decoded here (its signature transfers, `lockdown`, `invalidateNonces`) is a call like any
 * other.
 *
 * Specification: Permit2, AllowanceTransfer.
 *
 * @module
 */
import type { Effect } from '../intent.ts';
import {
  addressAt,
  dynamicWords,
  end,
  expectOffset,
  lengthAt,
  skipBytes,
  staticWords,
  uintAt,
  type Words,
} from './abi.ts';
import { refuse } from './refuse.ts';

/** The same on every chain, since it follows from the code. */
export const PERMIT2 = '0x000000000022d473030f116ddee9f6b43ac78ba3';

export type CallReader = (signature: string, contract: string, data: Uint8Array) => readonly Effect[];

/** Token, amount, expiration and nonce of an allowance, in words from `at`. */
function details(
  words: Words,
  at: number,
): { readonly token: string; readonly amount: bigint; readonly deadline: bigint } {
  uintAt(words, at + 3, 48);
  return { token: addressAt(words, at), amount: uintAt(words, at + 1, 160), deadline: uintAt(words, at + 2, 48) };
}

/** An array without elements would be a transaction without effects, which any rule covers. */
function someAt(words: Words, tail: number): number {
  const length = lengthAt(words, tail);
  return length === 0 ? refuse('evm.empty-batch', `${words.signature}: no elements`) : length;
}

const approve: CallReader = (signature, _contract, data) => {
  const words = staticWords(signature, data, 4);
  return [
    {
      kind: 'token-approval',
      token: addressAt(words, 0),
      spender: addressAt(words, 1),
      standard: 'erc20',
      amount: uintAt(words, 2, 160),
      deadline: uintAt(words, 3, 48),
    },
  ];
};

const permit: CallReader = (signature, _contract, data) => {
  const words = dynamicWords(signature, data, 8);
  addressAt(words, 0);
  uintAt(words, 6, 256);
  expectOffset(words, 7, 8, 0);
  end(words, skipBytes(words, 8));
  return [{ kind: 'token-approval', spender: addressAt(words, 5), standard: 'erc20', ...details(words, 1) }];
};

const permitBatch: CallReader = (signature, _contract, data) => {
  const words = dynamicWords(signature, data, 3);
  addressAt(words, 0);
  // The tuple begins at word 3; offsets within it count from there.
  expectOffset(words, 1, 3, 0);
  expectOffset(words, 3, 6, 3);
  const spender = addressAt(words, 4);
  uintAt(words, 5, 256);
  const length = someAt(words, 6);
  const effects: Effect[] = [];
  for (let index = 0; index < length; index++)
    effects.push({ kind: 'token-approval', spender, standard: 'erc20', ...details(words, 7 + 4 * index) });
  const tail = 7 + 4 * length;
  expectOffset(words, 2, tail, 0);
  end(words, skipBytes(words, tail));
  return effects;
};

/** From, to, amount and token, in words from `at`. */
function transfer(words: Words, at: number): Effect {
  return {
    kind: 'token-transfer',
    token: addressAt(words, at + 3),
    from: addressAt(words, at),
    to: addressAt(words, at + 1),
    standard: 'erc20',
    amount: uintAt(words, at + 2, 160),
  };
}

const transferFrom: CallReader = (signature, _contract, data) => [transfer(staticWords(signature, data, 4), 0)];

const transferFromBatch: CallReader = (signature, _contract, data) => {
  const words = dynamicWords(signature, data, 2);
  expectOffset(words, 0, 1, 0);
  const length = someAt(words, 1);
  const effects: Effect[] = [];
  for (let index = 0; index < length; index++) effects.push(transfer(words, 2 + 4 * index));
  end(words, 2 + 4 * length);
  return effects;
};

/** By signature. */
export const PERMIT2_CALLS: Readonly<Record<string, CallReader>> = {
  'approve(address,address,uint160,uint48)': approve,
  'permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)': permit,
  'permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)': permitBatch,
  'transferFrom(address,address,uint160,address)': transferFrom,
  'transferFrom((address,address,uint160,address)[])': transferFromBatch,
};
