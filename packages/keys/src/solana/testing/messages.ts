/**
 * Solana messages for tests, built with @solana/kit from typed instructions.
 *
 * @module
 */
import {
  AccountRole,
  type Address,
  address,
  appendTransactionMessageInstructions,
  type Blockhash,
  compileTransactionMessage,
  createTransactionMessage,
  getAddressDecoder,
  getCompiledTransactionMessageEncoder,
  type Instruction,
  pipe,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
} from '@solana/kit';
import { concatBytes } from '@vitrine/documents';
import { COMPUTE_BUDGET_PROGRAM, MEMO_PROGRAM, SYSTEM_PROGRAM, TOKEN_PROGRAM } from '../programs.ts';

/** An address that is `seed` 32 times. */
export function person(seed: number): Address {
  return getAddressDecoder().decode(new Uint8Array(32).fill(seed));
}

export const PAYER: Address = person(1);
export const PAYEE: Address = person(2);
export const MINT: Address = person(3);
export const SOURCE: Address = person(4);
export const TARGET: Address = person(5);

export function littleEndian(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

export function systemTransfer(from: Address, to: Address, amount: bigint): Instruction {
  return {
    programAddress: address(SYSTEM_PROGRAM),
    accounts: [
      { address: from, role: AccountRole.WRITABLE_SIGNER },
      { address: to, role: AccountRole.WRITABLE },
    ],
    data: concatBytes(littleEndian(2n, 4), littleEndian(amount, 8)),
  };
}

export function tokenTransfer(amount: bigint, decimals = 6, owner: Address = PAYER): Instruction {
  return {
    programAddress: address(TOKEN_PROGRAM),
    accounts: [
      { address: SOURCE, role: AccountRole.WRITABLE },
      { address: MINT, role: AccountRole.READONLY },
      { address: TARGET, role: AccountRole.WRITABLE },
      { address: owner, role: AccountRole.READONLY_SIGNER },
    ],
    data: concatBytes(Uint8Array.of(12), littleEndian(amount, 8), Uint8Array.of(decimals)),
  };
}

export function unitLimit(units: bigint): Instruction {
  return {
    programAddress: address(COMPUTE_BUDGET_PROGRAM),
    data: concatBytes(Uint8Array.of(2), littleEndian(units, 4)),
  };
}

export function unitPrice(price: bigint): Instruction {
  return {
    programAddress: address(COMPUTE_BUDGET_PROGRAM),
    data: concatBytes(Uint8Array.of(3), littleEndian(price, 8)),
  };
}

export function memo(data: Uint8Array, signer: Address = PAYER): Instruction {
  return {
    programAddress: address(MEMO_PROGRAM),
    accounts: [{ address: signer, role: AccountRole.READONLY_SIGNER }],
    data,
  };
}

/** A message as a wallet gets it. */
export function message(instructions: readonly Instruction[], version: 'legacy' | 0 = 0): Uint8Array<ArrayBuffer> {
  const lifetime = { blockhash: person(9) as string as Blockhash, lastValidBlockHeight: 1n };
  // One branch each: the types of the two versions have no common form.
  const compiled =
    version === 0
      ? compileTransactionMessage(
          pipe(
            createTransactionMessage({ version: 0 }),
            (one) => setTransactionMessageFeePayer(PAYER, one),
            (one) => setTransactionMessageLifetimeUsingBlockhash(lifetime, one),
            (one) => appendTransactionMessageInstructions(instructions, one),
          ),
        )
      : compileTransactionMessage(
          pipe(
            createTransactionMessage({ version: 'legacy' }),
            (one) => setTransactionMessageFeePayer(PAYER, one),
            (one) => setTransactionMessageLifetimeUsingBlockhash(lifetime, one),
            (one) => appendTransactionMessageInstructions(instructions, one),
          ),
        );
  return new Uint8Array(getCompiledTransactionMessageEncoder().encode(compiled));
}
