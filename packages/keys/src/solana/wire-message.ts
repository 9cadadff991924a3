/**
 * The wire format of a Solana message, legacy or version 0: what is signed, before any of it is understood.
 *
 * Only form is judged here: every index is in range, no account stands twice, the header is one that the
 * network takes, nothing trails, and the parts written again give the same bytes. Messages that load accounts
 * from lookup tables are refused: what the tables hold is not in the message.
 *
 * Specification: Solana documentation, "Transactions", "Versioned transactions" (message header, compact-u16
 * arrays, at most 1232 bytes with the signatures).
 *
 * @module
 */
import { base58 } from '@scure/base';
import { concatBytes, sameBytes } from '@vitrine/documents';
import { RefusedRequestError } from '../intent.ts';
import { byteReader, compactLength, malformed } from './byte-reader.ts';

/** What fits a packet of the network, with all signatures. */
const MAX_TRANSACTION_BYTES = 1232;
const SIGNATURE_BYTES = 64;
const KEY_BYTES = 32;
/** Set in the first byte of every message that is not legacy. */
const VERSIONED = 0x80;

export interface WireMessage {
  readonly version: 'legacy' | 0;
  /** Accounts that sign come first; of each group, those that may be written to. */
  readonly header: { readonly signers: number; readonly readOnlySigners: number; readonly readOnlyOthers: number };
  readonly accounts: readonly WireAccount[];
  readonly blockhash: Uint8Array;
  readonly instructions: readonly WireInstruction[];
}

export interface WireAccount {
  readonly key: Uint8Array;
  /** Base58. */
  readonly address: string;
  readonly signer: boolean;
  readonly writable: boolean;
}

/** Accounts are indexes into those of the message. */
interface WireInstruction {
  readonly program: number;
  readonly accounts: Uint8Array;
  readonly data: Uint8Array;
}

/**
 * Reads one message and nothing else.
 *
 * @throws RefusedRequestError with code `solana.malformed`, `solana.size`, `solana.version` or `solana.lookup-table`.
 */
export function parseWireMessage(bytes: Uint8Array): WireMessage {
  if (bytes.length > MAX_TRANSACTION_BYTES) throw tooLarge(bytes.length);
  // A copy: the caller may go on writing to its own.
  const reader = byteReader(new Uint8Array(bytes));
  const first = reader.byte('the header');
  const version = first < VERSIONED ? 'legacy' : first & 0x7f;
  if (version !== 'legacy' && version !== 0) {
    throw new RefusedRequestError(
      'solana.version',
      `the message has version ${version}; only legacy messages and version 0 are signed`,
    );
  }
  const signers = version === 'legacy' ? first : reader.byte('the header');
  const header = { signers, readOnlySigners: reader.byte('the header'), readOnlyOthers: reader.byte('the header') };
  const keys = Array.from({ length: reader.length('the accounts') }, () => reader.bytes(KEY_BYTES, 'the accounts'));
  const accounts = describeAccounts(header, keys);
  const size = 1 + SIGNATURE_BYTES * signers + bytes.length;
  if (size > MAX_TRANSACTION_BYTES) throw tooLarge(size);

  const blockhash = reader.bytes(KEY_BYTES, 'the blockhash');
  const instructions = Array.from({ length: reader.length('the instructions') }, () => ({
    program: reader.byte('an instruction'),
    accounts: reader.bytes(reader.length('the accounts of an instruction'), 'the accounts of an instruction'),
    data: reader.bytes(reader.length('the data of an instruction'), 'the data of an instruction'),
  }));
  for (const instruction of instructions) requireIndexes(instruction, keys.length);
  if (version === 0 && reader.length('the lookup tables') !== 0) {
    throw new RefusedRequestError(
      'solana.lookup-table',
      'the message takes accounts from an address lookup table, which cannot be seen from here; write the accounts into the message',
    );
  }
  if (reader.left !== 0) throw malformed(`${reader.left} bytes are left after its end`);

  const message = { version, header, accounts, blockhash, instructions } as const;
  if (!sameBytes(encodeWireMessage(message), bytes)) throw malformed('written again it has other bytes');
  return message;
}

/** The bytes of `message`. */
export function encodeWireMessage(message: WireMessage): Uint8Array<ArrayBuffer> {
  const { signers, readOnlySigners, readOnlyOthers } = message.header;
  return concatBytes(
    message.version === 'legacy' ? new Uint8Array(0) : Uint8Array.of(VERSIONED | message.version),
    Uint8Array.of(signers, readOnlySigners, readOnlyOthers),
    compactLength(message.accounts.length),
    ...message.accounts.map(({ key }) => key),
    message.blockhash,
    compactLength(message.instructions.length),
    ...message.instructions.flatMap(({ program, accounts, data }) => [
      Uint8Array.of(program),
      compactLength(accounts.length),
      accounts,
      compactLength(data.length),
      data,
    ]),
    message.version === 'legacy' ? new Uint8Array(0) : compactLength(0),
  );
}

function describeAccounts(header: WireMessage['header'], keys: readonly Uint8Array[]): readonly WireAccount[] {
  const { signers, readOnlySigners, readOnlyOthers } = header;
  // The first signer pays the fee, so it exists and can be written to.
  if (signers === 0 || readOnlySigners >= signers) throw malformed('its header names no account that pays the fee');
  if (signers + readOnlyOthers > keys.length) throw malformed('its header counts more accounts than it has');
  const addresses = keys.map((key) => base58.encode(key));
  const twice = addresses.find((address, index) => addresses.indexOf(address) !== index);
  if (twice !== undefined) throw malformed(`account ${twice} stands in it twice`);
  return keys.map((key, index) => ({
    key,
    address: addresses[index] ?? '',
    signer: index < signers,
    writable: index < signers ? index < signers - readOnlySigners : index < keys.length - readOnlyOthers,
  }));
}

function requireIndexes(instruction: WireInstruction, count: number): void {
  // The account that pays the fee is no program.
  if (instruction.program === 0 || instruction.program >= count)
    throw malformed('an instruction names no program of it');
  if (instruction.accounts.some((index) => index >= count)) throw malformed('an instruction names no account of it');
}

function tooLarge(size: number): RefusedRequestError {
  return new RefusedRequestError(
    'solana.size',
    `with its signatures the transaction has ${size} bytes; the network takes at most ${MAX_TRANSACTION_BYTES}`,
  );
}
