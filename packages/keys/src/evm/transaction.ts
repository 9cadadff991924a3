/**
 * Unsigned EVM transactions: bytes to an intent, and a signature to the bytes that a node takes.
 *
 * Three forms are read: legacy with a chain id (EIP-155), with an access list (EIP-2930), and with a
 * priority fee (EIP-1559). All others are refused by name. What was read is encoded again and must give
 * the same bytes, so the intent says what is signed and nothing else. Whether it may be signed is the
 * policy's to say, and whose key signs is not known here.
 *
 * Specification: EIP-155, EIP-2718, EIP-2930, EIP-1559, EIP-2681 (nonce).
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { sameBytes } from '@vitrine/documents';
import type { Intent } from '../intent.ts';
import { effectsOfCall } from './calls.ts';
import { chainText } from './chains.ts';
import { bytesToInteger, hexText, requestBytes } from './hex.ts';
import { refuse } from './refuse.ts';
import { decodeRlp, encodeRlp, type RlpItem, readInteger, readList, readString, rlpInteger } from './rlp.ts';

/** What nodes relay at most. */
export const MAX_TRANSACTION_BYTES: number = 128 * 1024;
/** EIP-2681: the account of this nonce could never send again. */
const MAX_NONCE = (1n << 64n) - 2n;
/** Order of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** An ECDSA signature over secp256k1 with low S. */
export interface EvmSignature {
  /** 32 bytes, big-endian. */
  readonly r: Uint8Array;
  /** 32 bytes, big-endian. */
  readonly s: Uint8Array;
  /** Parity of the y coordinate of R. */
  readonly recovery: 0 | 1;
}

export interface EvmTransaction {
  readonly intent: Extract<Intent, { readonly action: 'evm.transaction' }>;
  /** What the signature is made over: Keccak-256 of `intent.bytes`. */
  readonly hash: Uint8Array;
  /**
   * The signed transaction and its hash, both `0x` and lower case.
   *
   * @throws TypeError for a signature that no node would take, high S included.
   */
  assemble(signature: EvmSignature): { readonly transaction: string; readonly hash: string };
}

interface AccessEntry {
  readonly address: Uint8Array;
  readonly keys: readonly Uint8Array[];
}

interface Fields {
  /** Absent for legacy transactions. */
  readonly type?: 1 | 2;
  readonly chainId: bigint;
  readonly nonce: bigint;
  /** Type 2 only. */
  readonly priorityFee?: bigint;
  /** Wei per unit of gas, at most. */
  readonly price: bigint;
  readonly gas: bigint;
  readonly to: Uint8Array;
  readonly value: bigint;
  readonly data: Uint8Array;
  readonly accessList: readonly AccessEntry[];
}

/** Members of the three forms in their order; what a signature adds comes after. */
const LEGACY = ['nonce', 'gasPrice', 'gasLimit', 'to', 'value', 'data', 'chainId', 'r', 's'] as const;
const WITH_ACCESS_LIST = ['chainId', 'nonce', 'gasPrice', 'gasLimit', 'to', 'value', 'data', 'accessList'] as const;
const WITH_PRIORITY_FEE = [
  'chainId',
  'nonce',
  'maxPriorityFeePerGas',
  'maxFeePerGas',
  'gasLimit',
  'to',
  'value',
  'data',
  'accessList',
] as const;
const LEGACY_WITHOUT_CHAIN = 6;
const SIGNATURE_MEMBERS = 3;

/**
 * Decodes one unsigned transaction.
 *
 * @param serialized `0x` and the bytes that are hashed for the signature.
 * @throws RefusedRequestError with a code `evm.…` for everything that is not exactly one of the three
 *   forms, or does something that cannot be classified.
 */
export function decodeTransaction(serialized: string): EvmTransaction {
  const bytes = requestBytes(serialized, 'transaction', MAX_TRANSACTION_BYTES);
  const fields = readFields(bytes);
  const again = encodeRlp(unsignedItems(fields), fields.type);
  if (!sameBytes(bytes, again)) refuse('evm.not-canonical', 'transaction: encoded again it gives other bytes');
  return {
    intent: {
      action: 'evm.transaction',
      bytes,
      chain: chainText(fields.chainId),
      nonce: fields.nonce,
      effects: effectsOfCall(hexText(fields.to), fields.value, fields.data),
      fee: fields.gas * fields.price,
    },
    hash: keccak_256(bytes),
    assemble: (signature) => assemble(fields, signature),
  };
}

function readFields(bytes: Uint8Array): Fields {
  const type = bytes[0];
  if (type === undefined) refuse('evm.empty', 'transaction: no bytes');
  if (type >= 0xc0) return readLegacy(decodeRlp(bytes));
  switch (type) {
    case 1:
      return readTyped(1, WITH_ACCESS_LIST, decodeRlp(bytes.subarray(1)));
    case 2:
      return readTyped(2, WITH_PRIORITY_FEE, decodeRlp(bytes.subarray(1)));
    case 3:
      return refuse('evm.blob', 'transaction: type 3 (blobs, EIP-4844) is not signed');
    case 4:
      return refuse('evm.set-code', 'transaction: type 4 (code for accounts, EIP-7702) is not signed');
    default:
      return refuse('evm.unknown-type', `transaction: type 0x${type.toString(16).padStart(2, '0')} is not known`);
  }
}

function readLegacy(item: RlpItem): Fields {
  const items = readList(item, 'transaction');
  if (items.length === LEGACY_WITHOUT_CHAIN)
    refuse('evm.no-chain-id', 'transaction: without a chain id it is valid on every chain; add it (EIP-155)');
  if (items.length !== LEGACY.length)
    refuse('evm.fields', `transaction: expected ${LEGACY.length} members, got ${items.length}`);
  const member = byName(LEGACY, items);
  // In place of r and s the unsigned form has nothing at all.
  if (readString(member('r'), 'r').length > 0 || readString(member('s'), 's').length > 0)
    refuse('evm.signed', 'transaction: it carries a signature; send the unsigned form');
  return { ...readCommon(member), price: readInteger(member('gasPrice'), 'gasPrice', 256), accessList: [] };
}

function readTyped<Name extends string>(type: 1 | 2, names: readonly Name[], item: RlpItem): Fields {
  const items = readList(item, 'transaction');
  if (items.length === names.length + SIGNATURE_MEMBERS)
    refuse('evm.signed', 'transaction: it carries a signature; send the unsigned form');
  if (items.length !== names.length)
    refuse('evm.fields', `transaction: expected ${names.length} members, got ${items.length}`);
  const member = byName<string>(names, items);
  const common = { ...readCommon(member), type, accessList: readAccessList(member('accessList')) };
  if (type === 1) return { ...common, price: readInteger(member('gasPrice'), 'gasPrice', 256) };
  const price = readInteger(member('maxFeePerGas'), 'maxFeePerGas', 256);
  const priorityFee = readInteger(member('maxPriorityFeePerGas'), 'maxPriorityFeePerGas', 256);
  if (priorityFee > price)
    refuse('evm.priority-fee', `transaction: maxPriorityFeePerGas ${priorityFee} is more than maxFeePerGas ${price}`);
  return { ...common, price, priorityFee };
}

type Member<Name extends string> = (name: Name) => RlpItem | undefined;
type CommonName = 'chainId' | 'nonce' | 'gasLimit' | 'to' | 'value' | 'data';

function byName<Name extends string>(names: readonly Name[], items: readonly RlpItem[]): Member<Name> {
  return (name) => items[names.indexOf(name)];
}

function readCommon(member: Member<CommonName>): Pick<Fields, 'chainId' | 'nonce' | 'gas' | 'to' | 'value' | 'data'> {
  const chainId = readInteger(member('chainId'), 'chainId', 64);
  const nonce = readInteger(member('nonce'), 'nonce', 64);
  if (nonce > MAX_NONCE) refuse('evm.range', `nonce: expected at most ${MAX_NONCE}, got ${nonce}`);
  const to = readString(member('to'), 'to');
  if (to.length === 0)
    refuse('evm.creation', 'transaction: without a recipient it creates a contract, which is not signed');
  if (to.length !== 20) refuse('evm.recipient', `to: expected 20 bytes, got ${to.length}`);
  return {
    chainId,
    nonce,
    gas: readInteger(member('gasLimit'), 'gasLimit', 64),
    to,
    value: readInteger(member('value'), 'value', 256),
    data: readString(member('data'), 'data'),
  };
}

function readAccessList(item: RlpItem | undefined): readonly AccessEntry[] {
  return readList(item, 'accessList').map((entry) => {
    const [address, keys, ...more] = readList(entry, 'accessList entry');
    if (more.length > 0) refuse('evm.access-list', 'accessList entry: expected an address and keys, got more');
    return {
      address: sized(address, 'accessList address', 20),
      keys: readList(keys, 'accessList keys').map((key) => sized(key, 'accessList key', 32)),
    };
  });
}

function sized(item: RlpItem | undefined, name: string, size: number): Uint8Array {
  const bytes = readString(item, name);
  return bytes.length === size
    ? bytes
    : refuse('evm.access-list', `${name}: expected ${size} bytes, got ${bytes.length}`);
}

/** The members before a signature; a legacy transaction's chain id and zeros are part of that. */
function unsignedItems(fields: Fields): readonly RlpItem[] {
  return fields.type === undefined
    ? [...sharedItems(fields), rlpInteger(fields.chainId), EMPTY, EMPTY]
    : sharedItems(fields);
}

const EMPTY: Uint8Array = new Uint8Array();

/** The members that the unsigned and the signed form have in common. */
function sharedItems(fields: Fields): readonly RlpItem[] {
  const head = fields.type === undefined ? [] : [rlpInteger(fields.chainId)];
  const priorityFee = fields.priorityFee === undefined ? [] : [rlpInteger(fields.priorityFee)];
  const tail = fields.type === undefined ? [] : [fields.accessList.map(({ address, keys }) => [address, keys])];
  return [
    ...head,
    rlpInteger(fields.nonce),
    ...priorityFee,
    rlpInteger(fields.price),
    rlpInteger(fields.gas),
    fields.to,
    rlpInteger(fields.value),
    fields.data,
    ...tail,
  ];
}

function assemble(
  fields: Fields,
  { r, s, recovery }: EvmSignature,
): { readonly transaction: string; readonly hash: string } {
  const [rNumber, sNumber] = [scalar('r', r, ORDER - 1n), scalar('s', s, ORDER >> 1n)];
  if (recovery !== 0 && recovery !== 1) throw new TypeError('recovery: expected 0 or 1');
  const parity = BigInt(recovery);
  const v = fields.type === undefined ? fields.chainId * 2n + 35n + parity : parity;
  const items = [...sharedItems(fields), rlpInteger(v), rlpInteger(rNumber), rlpInteger(sNumber)];
  const bytes = encodeRlp(items, fields.type);
  return { transaction: hexText(bytes), hash: hexText(keccak_256(bytes)) };
}

function scalar(name: string, bytes: Uint8Array, most: bigint): bigint {
  const value = bytesToInteger(bytes);
  if (bytes.length !== 32 || value === 0n || value > most)
    throw new TypeError(`${name}: not that of a signature with low S`);
  return value;
}
