/**
 * Typed data that moves money: what a signature over it lets others do.
 *
 * Types are known by their whole definition, not by name. A type that has a known name with another
 * definition is refused, and so is every `Permit…` that is not known. Orders, Safe transactions and
 * delegations give away what cannot be seen in one amount, and are refused by name.
 *
 * Specification: ERC-2612, the permit of DAI, ERC-3009, Permit2 (AllowanceTransfer, SignatureTransfer).
 *
 * @module
 */
import type { Effect } from '../intent.ts';
import { ALL_TOKENS } from './calls.ts';
import { PERMIT2 } from './permit2.ts';
import { refuse } from './refuse.ts';
import type { Plain } from './typed-data-values.ts';

type Message = { readonly [name: string]: Plain };
type EffectsOf = (token: string, message: Message) => readonly Effect[];

interface Spender {
  /** Whether the verifying contract is Permit2; otherwise it is the token. */
  readonly permit2: boolean;
  readonly effects: EffectsOf;
}

/** The types passed already, so that texts are texts and numbers are decimal. */
function textOf(message: Message, name: string): string {
  const value = message[name];
  if (typeof value !== 'string') throw new TypeError(`${name}: not a text`);
  return value;
}

function numberOf(message: Message, name: string): bigint {
  return BigInt(textOf(message, name));
}

function structOf(value: Plain | undefined): Message {
  if (typeof value !== 'object' || Array.isArray(value)) throw new TypeError('not a structure');
  return value as Message;
}

/** A list without elements would have no effect, which any rule covers. */
function listOf(message: Message, name: string): readonly Message[] {
  const value = message[name];
  if (!Array.isArray(value)) throw new TypeError(`${name}: not a list`);
  if (value.length === 0) refuse('evm.empty-batch', `message.${name}: no elements`);
  return (value as readonly Plain[]).map(structOf);
}

/** The deadline of such a permit is that of the signature; the allowance itself stays. */
const erc2612: EffectsOf = (token, message) => [
  {
    kind: 'token-approval',
    token,
    spender: textOf(message, 'spender'),
    standard: 'erc20',
    amount: numberOf(message, 'value'),
  },
];

const daiPermit: EffectsOf = (token, message) => [
  {
    kind: 'token-approval',
    token,
    spender: textOf(message, 'spender'),
    standard: 'erc20',
    amount: message['allowed'] === true ? ALL_TOKENS : 0n,
  },
];

/** The token takes these only with the signature of `from`, so it is the signer who pays. */
const transferWithAuthorization: EffectsOf = (token, message) => [
  {
    kind: 'token-transfer',
    token,
    to: textOf(message, 'to'),
    standard: 'erc20',
    amount: numberOf(message, 'value'),
  },
];

function allowance(message: Message, details: Message): Effect {
  return {
    kind: 'token-approval',
    token: textOf(details, 'token'),
    spender: textOf(message, 'spender'),
    standard: 'erc20',
    amount: numberOf(details, 'amount'),
    deadline: numberOf(details, 'expiration'),
  };
}

/** Good for one transfer to whomever the spender says, until the deadline. */
function signatureTransfer(message: Message, permitted: Message): Effect {
  return {
    kind: 'token-approval',
    token: textOf(permitted, 'token'),
    spender: textOf(message, 'spender'),
    standard: 'erc20',
    amount: numberOf(permitted, 'amount'),
    deadline: numberOf(message, 'deadline'),
  };
}

const PERMIT_DETAILS = 'PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)';
const TOKEN_PERMISSIONS = 'TokenPermissions(address token,uint256 amount)';
const AUTHORIZATION = '(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)';

const SPENDERS: ReadonlyMap<string, Spender> = new Map<string, Spender>([
  [
    'Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)',
    { permit2: false, effects: erc2612 },
  ],
  [
    'Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)',
    { permit2: false, effects: daiPermit },
  ],
  [`TransferWithAuthorization${AUTHORIZATION}`, { permit2: false, effects: transferWithAuthorization }],
  [`ReceiveWithAuthorization${AUTHORIZATION}`, { permit2: false, effects: transferWithAuthorization }],
  [
    `PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)${PERMIT_DETAILS}`,
    { permit2: true, effects: (_token, message) => [allowance(message, structOf(message['details']))] },
  ],
  [
    `PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)${PERMIT_DETAILS}`,
    {
      permit2: true,
      effects: (_token, message) => listOf(message, 'details').map((details) => allowance(message, details)),
    },
  ],
  [
    `PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)${TOKEN_PERMISSIONS}`,
    { permit2: true, effects: (_token, message) => [signatureTransfer(message, structOf(message['permitted']))] },
  ],
  [
    `PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)${TOKEN_PERMISSIONS}`,
    {
      permit2: true,
      effects: (_token, message) =>
        listOf(message, 'permitted').map((permitted) => signatureTransfer(message, permitted)),
    },
  ],
]);

const KNOWN_NAMES: ReadonlySet<string> = new Set([...SPENDERS.keys()].map((type) => type.slice(0, type.indexOf('('))));

/** What gives away more than the message shows, or hides calls inside. */
const NEVER: ReadonlySet<string> = new Set([
  'Authorization',
  'BulkOrder',
  'Delegation',
  'ForwardRequest',
  'MetaTransaction',
  'Order',
  'OrderComponents',
  'PackedUserOperation',
  'SafeMessage',
  'SafeTx',
  'UserOperation',
]);

/**
 * What a signature over the message allows; empty where its type is none of those that move money.
 *
 * @param encodedType EIP-712's `encodeType` of the primary type.
 * @param structs Names of all structures in it.
 * @throws RefusedRequestError `evm.permit` for an unknown permit, `evm.undecoded-type` for one of the types
 *   that are never signed.
 */
export function effectsOfTypedData(
  primaryType: string,
  encodedType: string,
  structs: Iterable<string>,
  contract: string,
  message: Message,
): readonly Effect[] {
  const spender = SPENDERS.get(encodedType);
  if (spender !== undefined) {
    if (spender.permit2 !== (contract === PERMIT2))
      refuse('evm.permit', `${primaryType}: not for the verifying contract ${contract}`);
    return spender.effects(contract, message);
  }
  for (const name of structs) {
    if (NEVER.has(name)) refuse('evm.undecoded-type', `${name}: what it allows is not decoded, so it is not signed`);
    if (/^permit/i.test(name) || KNOWN_NAMES.has(name))
      refuse('evm.permit', `${name}: not one of the permits that are decoded, by its members`);
  }
  if (contract === PERMIT2) refuse('evm.permit', `${primaryType}: not one of the types of Permit2 that are decoded`);
  return [];
}
