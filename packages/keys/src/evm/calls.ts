/**
 * What a transaction does, from its recipient, value and calldata.
 *
 * Functions of the token standards and of Permit2 are decoded completely or refused. Everything else is a
 * `call`, which no rule about transfers covers: functions that carry other calls inside (`multicall`,
 * `execute`, a Safe's `execTransaction`) stay closed that way. There is always at least one effect, so a
 * rule that demands a match for each effect never holds for want of any.
 *
 * Specification: ERC-20, ERC-721, ERC-1155, ERC-2612, the permit of DAI.
 *
 * @module
 */
import type { Effect, TokenStandard } from '../intent.ts';
import { addressAt, boolAt, dynamicWords, end, expectOffset, lengthAt, skipBytes, staticWords, uintAt } from './abi.ts';
import { hexText } from './hex.ts';
import { type CallReader, PERMIT2, PERMIT2_CALLS } from './permit2.ts';
import { refuse } from './refuse.ts';
import { functionSelector } from './selector.ts';

/** What an operator of all tokens may move. */
export const ALL_TOKENS: bigint = (1n << 256n) - 1n;

/** `to, amount`. */
const transfer: CallReader = (signature, token, data) => {
  const words = staticWords(signature, data, 2);
  return [{ kind: 'token-transfer', token, to: addressAt(words, 0), standard: 'erc20', amount: uintAt(words, 1, 256) }];
};

/** `spender, amount`. */
function approval(standard: TokenStandard): CallReader {
  return (signature, token, data) => {
    const words = staticWords(signature, data, 2);
    return [{ kind: 'token-approval', token, spender: addressAt(words, 0), standard, amount: uintAt(words, 1, 256) }];
  };
}

/** `from, to, amount`, or `from, to, id`: the selector does not say which. */
const transferFrom: CallReader = (signature, token, data) => {
  const words = staticWords(signature, data, 3);
  return [
    {
      kind: 'token-transfer',
      token,
      from: addressAt(words, 0),
      to: addressAt(words, 1),
      standard: 'erc20-or-erc721',
      amount: uintAt(words, 2, 256),
    },
  ];
};

/** `from, to, id` and, with data, bytes that the recipient's own code is given. */
function safeTransfer(withData: boolean): CallReader {
  return (signature, token, data) => {
    const words = withData ? dynamicWords(signature, data, 5) : staticWords(signature, data, 3);
    if (withData) {
      expectOffset(words, 3, 4, 0);
      end(words, skipBytes(words, 4));
    }
    return [
      {
        kind: 'token-transfer',
        token,
        from: addressAt(words, 0),
        to: addressAt(words, 1),
        standard: 'erc721',
        amount: 1n,
        id: uintAt(words, 2, 256),
      },
    ];
  };
}

/** `operator, approved`; the same function in ERC-721 and ERC-1155. */
const setApprovalForAll: CallReader = (signature, token, data) => {
  const words = staticWords(signature, data, 2);
  const amount = boolAt(words, 1) ? ALL_TOKENS : 0n;
  return [{ kind: 'token-approval', token, spender: addressAt(words, 0), standard: 'erc721', amount }];
};

/** `from, to, id, amount, data`. */
const safeTransfer1155: CallReader = (signature, token, data) => {
  const words = dynamicWords(signature, data, 6);
  expectOffset(words, 4, 5, 0);
  end(words, skipBytes(words, 5));
  return [
    {
      kind: 'token-transfer',
      token,
      from: addressAt(words, 0),
      to: addressAt(words, 1),
      standard: 'erc1155',
      amount: uintAt(words, 3, 256),
      id: uintAt(words, 2, 256),
    },
  ];
};

/** `from, to, ids, amounts, data`. */
const safeBatchTransfer: CallReader = (signature, token, data) => {
  const words = dynamicWords(signature, data, 8);
  const from = addressAt(words, 0);
  const to = addressAt(words, 1);
  expectOffset(words, 2, 5, 0);
  const length = lengthAt(words, 5);
  if (length === 0) refuse('evm.empty-batch', `${signature}: no tokens`);
  const amounts = 6 + length;
  expectOffset(words, 3, amounts, 0);
  if (lengthAt(words, amounts) !== length) refuse('evm.argument', `${signature}: ids and amounts of different lengths`);
  const effects: Effect[] = [];
  for (let index = 0; index < length; index++) {
    const id = uintAt(words, 6 + index, 256);
    const amount = uintAt(words, amounts + 1 + index, 256);
    effects.push({ kind: 'token-transfer', token, from, to, standard: 'erc1155', amount, id });
  }
  const tail = amounts + 1 + length;
  expectOffset(words, 4, tail, 0);
  end(words, skipBytes(words, tail));
  return effects;
};

/** `owner, spender, value, deadline, v, r, s`. The deadline is that of the signature: the allowance stays. */
const permit: CallReader = (signature, token, data) => {
  const words = staticWords(signature, data, 7);
  addressAt(words, 0);
  uintAt(words, 4, 8);
  return [
    { kind: 'token-approval', token, spender: addressAt(words, 1), standard: 'erc20', amount: uintAt(words, 2, 256) },
  ];
};

/** `holder, spender, nonce, expiry, allowed, v, r, s`: everything or nothing. */
const permitAllowed: CallReader = (signature, token, data) => {
  const words = staticWords(signature, data, 8);
  addressAt(words, 0);
  uintAt(words, 5, 8);
  const amount = boolAt(words, 4) ? ALL_TOKENS : 0n;
  return [{ kind: 'token-approval', token, spender: addressAt(words, 1), standard: 'erc20', amount }];
};

const TOKEN_CALLS: Readonly<Record<string, CallReader>> = {
  'transfer(address,uint256)': transfer,
  'approve(address,uint256)': approval('erc20-or-erc721'),
  'increaseAllowance(address,uint256)': approval('erc20'),
  'transferFrom(address,address,uint256)': transferFrom,
  'safeTransferFrom(address,address,uint256)': safeTransfer(false),
  'safeTransferFrom(address,address,uint256,bytes)': safeTransfer(true),
  'setApprovalForAll(address,bool)': setApprovalForAll,
  'safeTransferFrom(address,address,uint256,uint256,bytes)': safeTransfer1155,
  'safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)': safeBatchTransfer,
  'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)': permit,
  'permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)': permitAllowed,
};

interface DecodedCall {
  readonly signature: string;
  readonly read: CallReader;
}

function bySelector(calls: Readonly<Record<string, CallReader>>): ReadonlyMap<string, DecodedCall> {
  return new Map(Object.entries(calls).map(([signature, read]) => [functionSelector(signature), { signature, read }]));
}

const tokenCalls = bySelector(TOKEN_CALLS);
const permit2Calls = bySelector(PERMIT2_CALLS);

function decodedCall(selector: string, contract: string): DecodedCall | undefined {
  return tokenCalls.get(selector) ?? (contract === PERMIT2 ? permit2Calls.get(selector) : undefined);
}

/**
 * Whether calls of the function never are a `call` effect, at this contract (lower case) or, without one,
 * at any.
 */
export function isDecodedFunction(signature: string, contract?: string): boolean {
  return decodedCall(functionSelector(signature), contract ?? '') !== undefined;
}

/**
 * What a transaction with this recipient does. Never empty.
 *
 * @param to lower case.
 * @throws RefusedRequestError for calldata shorter than a selector, and for a known function whose
 *   arguments cannot be read in exactly one way.
 */
export function effectsOfCall(to: string, value: bigint, data: Uint8Array): readonly Effect[] {
  const native: Effect = { kind: 'native-transfer', to, amount: value };
  if (data.length === 0) return [native];
  if (data.length < 4) refuse('evm.short-data', `data: expected none or at least 4 bytes, got ${data.length}`);
  const selector = hexText(data.subarray(0, 4));
  const rest = data.subarray(4);
  const known = decodedCall(selector, to);
  const effects: readonly Effect[] =
    known === undefined
      ? [{ kind: 'call', contract: to, selector, data: rest }]
      : known.read(known.signature, to, rest);
  return value === 0n ? effects : [native, ...effects];
}
