/**
 * Functions as a policy names them, `deposit(uint256,address)`, and the arguments of a call to them.
 *
 * Only static types are known here, each in exactly one word: an argument of dynamic length can hold
 * another call. Names of types are the canonical ones, since an alias gives another selector.
 *
 * Specification: Solidity ABI, "Function selector and argument encoding".
 *
 * @module
 */
import { toHex, UsageError } from '@vitrine/documents';
import { isDecodedFunction } from './calls.ts';
import { type Elementary, elementary, fromWord } from './elementary.ts';
import { functionSelector } from './selector.ts';

const SIGNATURE = /^[A-Za-z_$][A-Za-z0-9_$]{0,127}\(([a-z0-9,]*)\)$/;
/** More do not fit on the stack of the virtual machine. */
const MAX_ARGUMENTS = 16;
const ALIASES: Readonly<Record<string, string>> = { uint: 'uint256', int: 'int256', byte: 'bytes1' };
const WORD_DIGITS = 64;

/** The types of the arguments, or why there are none. */
function argumentTypes(signature: string): readonly Elementary[] | string {
  const list = SIGNATURE.exec(signature)?.[1];
  if (list === undefined) return 'expected a name and types in parentheses, such as deposit(uint256,address)';
  const names = list === '' ? [] : list.split(',');
  if (names.length > MAX_ARGUMENTS) return `expected at most ${MAX_ARGUMENTS} arguments`;
  const types: Elementary[] = [];
  for (const name of names) {
    const type = elementary(name);
    if (type === undefined) return whyNot(name);
    types.push(type);
  }
  return types;
}

function whyNot(name: string): string {
  if (Object.hasOwn(ALIASES, name)) return `${name} is an alias; write ${ALIASES[name]}`;
  if (name === 'string' || name === 'bytes') return `${name} has no fixed length, so it could hold anything`;
  return `${name === '' ? 'an empty name' : name} is no type of one word`;
}

/**
 * Why a rule cannot use the signature; `undefined` where it can.
 *
 * @param contracts Addresses in lower case for which the rule names the function; without them only
 *   functions that are decoded at every contract are found.
 */
export function checkSignature(signature: string, contracts: readonly string[] = []): string | undefined {
  const types = argumentTypes(signature);
  if (typeof types === 'string') return types;
  if ([undefined, ...contracts].some((contract) => isDecodedFunction(signature, contract)))
    return 'calls of this function are decoded as transfers or approvals; write a rule about these';
  return undefined;
}

/**
 * `0x` and 8 digits.
 *
 * @throws UsageError `evm.signature` for a signature that is not of static types in canonical names.
 */
export function selectorOf(signature: string): string {
  knownTypes(signature);
  return functionSelector(signature);
}

/**
 * The arguments in `data`, which begins after the selector: integers as numbers, `true` and `false`,
 * addresses and bytes as lower-case `0x` text. `undefined` where the length differs, or where bits are set
 * that a type does not have.
 *
 * @throws UsageError `evm.signature`, as {@link selectorOf}.
 */
export function decodeStaticArguments(signature: string, data: Uint8Array): readonly (bigint | string)[] | undefined {
  const types = knownTypes(signature);
  if (data.length !== types.length * 32) return undefined;
  const digits = toHex(data);
  const values: (bigint | string)[] = [];
  for (const [index, type] of types.entries()) {
    const value = fromWord(type, digits.slice(index * WORD_DIGITS, (index + 1) * WORD_DIGITS));
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

function knownTypes(signature: string): readonly Elementary[] {
  const types = argumentTypes(signature);
  if (typeof types === 'string') throw new UsageError('evm.signature', `function ${signature}: ${types}`);
  return types;
}
