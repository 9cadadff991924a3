/**
 * The functions that Vitrine decodes, as viem knows them, and what each does, written down a second time
 * from viem's reading of the arguments.
 *
 * @module
 */
import {
  type AbiFunction,
  concatHex,
  decodeFunctionData,
  encodeAbiParameters,
  type Hex,
  parseAbiItem,
  toFunctionSelector,
} from 'viem';
import type { Random } from './random.ts';

export const PERMIT2_ADDRESS = '0x000000000022d473030f116ddee9f6b43ac78ba3';
const ALL = 2n ** 256n - 1n;

/** An effect in a form that can be compared as text. */
export type Told = Readonly<Record<string, string>>;
type Arguments = readonly unknown[];

interface KnownCall {
  readonly abi: AbiFunction;
  readonly permit2: boolean;
  readonly arguments: (random: Random) => Arguments;
  readonly told: (contract: string, args: Arguments) => readonly Told[];
}

const address = (random: Random): Hex => hex(random.oneIn(8) ? new Uint8Array(20) : random.bytes(20));
const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`;
const blob = (random: Random): Hex => hex(random.bytes(random.pick([0, 1, 31, 32, 33, 65])));
const many = <Value>(random: Random, make: () => Value): readonly Value[] =>
  Array.from({ length: 1 + random.below(3) }, make);
const u = (random: Random, bits = 256): bigint => random.integer(bits);
const text = (value: unknown): string => String(value).toLowerCase();

function told(kind: string, members: Readonly<Record<string, unknown>>): Told {
  return Object.fromEntries(Object.entries({ kind, ...members }).map(([name, value]) => [name, text(value)]));
}

function call(
  signature: string,
  make: KnownCall['arguments'],
  tell: (contract: string, args: readonly Read[]) => readonly Told[],
  permit2 = false,
): KnownCall {
  return {
    abi: parseAbiItem(`function ${signature}`) as AbiFunction,
    permit2,
    arguments: make,
    told: (contract, args) => tell(contract, args as readonly Read[]),
  };
}

/** viem's values: what is asked of them is turned to text at once. */
type Read = string & bigint & boolean & readonly Read[] & { readonly [name: string]: Read };

const approve = (token: unknown, spender: unknown, amount: unknown, standard = 'erc20', more = {}): Told =>
  told('token-approval', { token, spender, standard, amount, ...more });
const move = (token: unknown, from: unknown, to: unknown, amount: unknown, standard: string, more = {}): Told =>
  told('token-transfer', { token, ...(from === undefined ? {} : { from }), to, standard, amount, ...more });

export const KNOWN_CALLS: readonly [KnownCall, ...KnownCall[]] = [
  call(
    'transfer(address, uint256)',
    (r) => [address(r), u(r)],
    (token, [to, amount]) => [move(token, undefined, to, amount, 'erc20')],
  ),
  call(
    'approve(address, uint256)',
    (r) => [address(r), u(r)],
    (token, [spender, amount]) => [approve(token, spender, amount, 'erc20-or-erc721')],
  ),
  call(
    'increaseAllowance(address, uint256)',
    (r) => [address(r), u(r)],
    (token, [spender, amount]) => [approve(token, spender, amount)],
  ),
  call(
    'transferFrom(address, address, uint256)',
    (r) => [address(r), address(r), u(r)],
    (token, [from, to, amount]) => [move(token, from, to, amount, 'erc20-or-erc721')],
  ),
  call(
    'safeTransferFrom(address, address, uint256)',
    (r) => [address(r), address(r), u(r)],
    (token, [from, to, id]) => [move(token, from, to, 1n, 'erc721', { id })],
  ),
  call(
    'safeTransferFrom(address, address, uint256, bytes)',
    (r) => [address(r), address(r), u(r), blob(r)],
    (token, [from, to, id]) => [move(token, from, to, 1n, 'erc721', { id })],
  ),
  call(
    'setApprovalForAll(address, bool)',
    (r) => [address(r), r.oneIn(2)],
    (token, [operator, all]) => [approve(token, operator, all === true ? ALL : 0n, 'erc721')],
  ),
  call(
    'safeTransferFrom(address, address, uint256, uint256, bytes)',
    (r) => [address(r), address(r), u(r), u(r), blob(r)],
    (token, [from, to, id, amount]) => [move(token, from, to, amount, 'erc1155', { id })],
  ),
  call(
    'safeBatchTransferFrom(address, address, uint256[], uint256[], bytes)',
    (r) => {
      const ids = many(r, () => u(r));
      return [address(r), address(r), ids, ids.map(() => u(r)), blob(r)];
    },
    (token, [from, to, ids, amounts]) =>
      (ids ?? []).map((id, index) => move(token, from, to, amounts?.[index], 'erc1155', { id })),
  ),
  call(
    'permit(address, address, uint256, uint256, uint8, bytes32, bytes32)',
    (r) => [address(r), address(r), u(r), u(r), 27, hex(r.bytes(32)), hex(r.bytes(32))],
    (token, [, spender, amount]) => [approve(token, spender, amount)],
  ),
  call(
    'permit(address, address, uint256, uint256, bool, uint8, bytes32, bytes32)',
    (r) => [address(r), address(r), u(r), u(r), r.oneIn(2), 28, hex(r.bytes(32)), hex(r.bytes(32))],
    (token, [, spender, , , all]) => [approve(token, spender, all === true ? ALL : 0n)],
  ),
  call(
    'approve(address, address, uint160, uint48)',
    (r) => [address(r), address(r), u(r, 160), Number(u(r, 48))],
    (_contract, [token, spender, amount, deadline]) => [approve(token, spender, amount, 'erc20', { deadline })],
    true,
  ),
  call(
    'permit(address, ((address token, uint160 amount, uint48 expiration, uint48 nonce) details, address spender, uint256 sigDeadline), bytes)',
    (r) => [address(r), { details: details(r), spender: address(r), sigDeadline: u(r) }, blob(r)],
    (_contract, [, single]) => [allowance(single?.['spender'], single?.['details'])],
    true,
  ),
  call(
    'permit(address, ((address token, uint160 amount, uint48 expiration, uint48 nonce)[] details, address spender, uint256 sigDeadline), bytes)',
    (r) => [address(r), { details: many(r, () => details(r)), spender: address(r), sigDeadline: u(r) }, blob(r)],
    (_contract, [, batch]) => (batch?.['details'] ?? []).map((one) => allowance(batch?.['spender'], one)),
    true,
  ),
  call(
    'transferFrom(address, address, uint160, address)',
    (r) => [address(r), address(r), u(r, 160), address(r)],
    (_contract, [from, to, amount, token]) => [move(token, from, to, amount, 'erc20')],
    true,
  ),
  call(
    'transferFrom((address from, address to, uint160 amount, address token)[])',
    (r) => [many(r, () => ({ from: address(r), to: address(r), amount: u(r, 160), token: address(r) }))],
    (_contract, [all]) => (all ?? []).map((one) => move(one['token'], one['from'], one['to'], one['amount'], 'erc20')),
    true,
  ),
];

function details(random: Random): Readonly<Record<string, unknown>> {
  return {
    token: address(random),
    amount: u(random, 160),
    expiration: Number(u(random, 48)),
    nonce: Number(u(random, 48)),
  };
}

function allowance(spender: unknown, one: Read | undefined): Told {
  return approve(one?.['token'], spender, one?.['amount'], 'erc20', { deadline: one?.['expiration'] });
}

const bySelector = new Map(KNOWN_CALLS.map((known) => [toFunctionSelector(known.abi), known]));

/** Calldata of a known function with arguments made up. */
export function knownCalldata(random: Random): Hex {
  const known = random.pick(KNOWN_CALLS);
  return encodeCall(known.abi, known.arguments(random));
}

/**
 * What viem says that the call does.
 *
 * @throws Error where viem cannot read it, or gives other bytes when it writes what it read.
 */
export function readCall(to: string, value: bigint, data: Hex): readonly Told[] {
  const native = told('native-transfer', { to, amount: value });
  if (data === '0x') return [native];
  const found = bySelector.get(data.slice(0, 10) as Hex);
  const known = found?.permit2 === true && to !== PERMIT2_ADDRESS ? undefined : found;
  const effects =
    known === undefined
      ? [told('call', { contract: to, selector: data.slice(0, 10), data: `0x${data.slice(10)}` })]
      : known.told(to, canonicalArguments(known.abi, data));
  return value === 0n ? effects : [native, ...effects];
}

function encodeCall(abi: AbiFunction, args: Arguments): Hex {
  return concatHex([toFunctionSelector(abi), encodeAbiParameters(abi.inputs, args)]);
}

function canonicalArguments(abi: AbiFunction, data: Hex): Arguments {
  const { args } = decodeFunctionData({ abi: [abi], data });
  const again = encodeCall(abi, args ?? []);
  if (again !== data) throw new Error(`viem writes ${again} for ${data}`);
  return args ?? [];
}
