/**
 * What single instructions of a Solana message do. Only instructions whose whole effect is known are read;
 * every other is refused by the name of its program and its own.
 *
 * Data must have exactly its length and accounts exactly their number, although the programs ignore what is
 * too much: what no program reads, nobody needs to sign.
 *
 * Specification: sources of the System, SPL Token, Compute Budget and Memo programs.
 *
 * @module
 */
import { type Effect, RefusedRequestError } from '../intent.ts';
import {
  COMPUTE_BUDGET_INSTRUCTIONS,
  COMPUTE_BUDGET_PROGRAM,
  MEMO_PROGRAM,
  SYSTEM_INSTRUCTIONS,
  SYSTEM_PROGRAM,
  TOKEN_2022_PROGRAM,
  TOKEN_INSTRUCTIONS,
  TOKEN_PROGRAM,
} from './programs.ts';
import type { WireAccount } from './wire-message.ts';

/** An instruction with the accounts that its indexes name. */
export interface Instruction {
  readonly program: WireAccount;
  readonly accounts: readonly WireAccount[];
  readonly data: Uint8Array;
}

export type Meaning =
  | { readonly kind: 'effect'; readonly effect: Effect }
  /** Compute units. */
  | { readonly kind: 'unit-limit'; readonly units: bigint }
  /** Millionths of a lamport for each compute unit. */
  | { readonly kind: 'unit-price'; readonly price: bigint }
  | { readonly kind: 'memo'; readonly text: string };

/** What a memo can have at most, as its program counts. */
const MAX_MEMO_BYTES = 566;

/** @throws RefusedRequestError for everything but the few instructions that are known. */
export function readInstruction(instruction: Instruction): Meaning {
  const { address, signer, writable } = instruction.program;
  if (signer || writable) {
    throw refused('solana.accounts', `program ${address} is listed as an account that signs or is written to`);
  }
  switch (address) {
    case SYSTEM_PROGRAM:
      return readSystem(instruction);
    case TOKEN_PROGRAM:
      return readToken(instruction);
    case COMPUTE_BUDGET_PROGRAM:
      return readComputeBudget(instruction);
    case MEMO_PROGRAM:
      return readMemo(instruction);
    case TOKEN_2022_PROGRAM:
      throw refused(
        'solana.token-2022',
        'an instruction is for the Token-2022 program, whose transfers can run code of the mint; only the SPL Token program is known',
      );
    default:
      throw refused('solana.unknown-program', `an instruction is for program ${address}, which is not known`);
  }
}

function readSystem({ data, accounts }: Instruction): Meaning {
  const view = viewOf(data);
  const number = data.length < 4 ? undefined : view.getUint32(0, true);
  const name = (number === undefined ? undefined : SYSTEM_INSTRUCTIONS[number]) ?? `number ${number ?? '(none)'}`;
  if (name === 'AdvanceNonceAccount') {
    throw refused(
      'solana.durable-nonce',
      'the message advances a durable nonce, so its signature would never expire; use a recent blockhash',
    );
  }
  if (name !== 'Transfer') throw notSigned('System', name);
  requireForm('System Transfer', data, 12, accounts, 2);
  const from = requireAccount('the account that pays', accounts[0], { signer: true, writable: true });
  const to = requireAccount('the account that is paid', accounts[1], { writable: true });
  requireDifferent(from, to);
  return { kind: 'effect', effect: { kind: 'sol-transfer', to, amount: view.getBigUint64(4, true) } };
}

function readToken({ data, accounts }: Instruction): Meaning {
  const name = TOKEN_INSTRUCTIONS[data[0] ?? 255] ?? `number ${data[0] ?? '(none)'}`;
  if (name === 'Transfer') {
    throw refused(
      'solana.mint-unknown',
      'the SPL Token instruction Transfer does not name its mint; use TransferChecked',
    );
  }
  if (name !== 'TransferChecked') throw notSigned('SPL Token', name);
  // With more accounts the owner is a multisignature account and not a key.
  requireForm('SPL Token TransferChecked', data, 10, accounts, 4);
  const from = requireAccount('the token account that pays', accounts[0], { writable: true });
  const mint = requireAccount('the mint', accounts[1], {});
  const to = requireAccount('the token account that is paid', accounts[2], { writable: true });
  requireAccount('the owner of the tokens', accounts[3], { signer: true });
  requireDifferent(from, to);
  return {
    kind: 'effect',
    effect: { kind: 'spl-transfer', mint, from, to, amount: viewOf(data).getBigUint64(1, true) },
  };
}

function readComputeBudget({ data, accounts }: Instruction): Meaning {
  const name = COMPUTE_BUDGET_INSTRUCTIONS[data[0] ?? 255] ?? `number ${data[0] ?? '(none)'}`;
  const view = viewOf(data);
  switch (name) {
    case 'SetComputeUnitLimit':
      requireForm(`Compute Budget ${name}`, data, 5, accounts, 0);
      return { kind: 'unit-limit', units: BigInt(view.getUint32(1, true)) };
    case 'SetComputeUnitPrice':
      requireForm(`Compute Budget ${name}`, data, 9, accounts, 0);
      return { kind: 'unit-price', price: view.getBigUint64(1, true) };
    default:
      throw notSigned('Compute Budget', name);
  }
}

function readMemo({ data, accounts }: Instruction): Meaning {
  if (data.length > MAX_MEMO_BYTES) {
    throw refused('solana.memo', `a memo has ${data.length} bytes; at most ${MAX_MEMO_BYTES} are signed`);
  }
  for (const account of accounts) requireAccount('an account of a memo', account, { signer: true });
  try {
    return { kind: 'memo', text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data) };
  } catch (cause) {
    throw new RefusedRequestError('solana.memo', 'a memo is not UTF-8', { cause });
  }
}

function requireForm(name: string, data: Uint8Array, size: number, accounts: readonly unknown[], count: number): void {
  if (data.length !== size) {
    throw refused('solana.instruction', `${name} has ${data.length} bytes of data; expected exactly ${size}`);
  }
  if (accounts.length !== count) {
    throw refused('solana.accounts', `${name} has ${accounts.length} accounts; expected exactly ${count}`);
  }
}

function requireAccount(
  what: string,
  account: WireAccount | undefined,
  need: { readonly signer?: true; readonly writable?: true },
): string {
  if (account === undefined) throw refused('solana.accounts', `${what} is missing`);
  if (need.signer === true && !account.signer)
    throw refused('solana.accounts', `${what} (${account.address}) does not sign`);
  if (need.writable === true && !account.writable) {
    throw refused('solana.accounts', `${what} (${account.address}) is listed as read-only`);
  }
  return account.address;
}

function requireDifferent(from: string, to: string): void {
  if (from === to) throw refused('solana.accounts', `a transfer pays from ${from} to itself`);
}

function notSigned(program: string, name: string): RefusedRequestError {
  return refused('solana.instruction', `the ${program} instruction ${name} is never signed`);
}

function refused(code: string, message: string): RefusedRequestError {
  return new RefusedRequestError(code, message);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
