/**
 * A second opinion on Solana messages: what @solana/kit reads, put into the words of an intent. It shares
 * no code with the decoder that it is compared with.
 *
 * @module
 */
import {
  type AccountMeta,
  decompileTransactionMessage,
  getCompiledTransactionMessageDecoder,
  getCompiledTransactionMessageEncoder,
  getStructDecoder,
  getU8Decoder,
  getU32Decoder,
  getU64Decoder,
} from '@solana/kit';
import type { Effect } from '../../intent.ts';

export interface SecondReading {
  readonly feePayer: string;
  readonly signers: readonly string[];
  readonly effects: readonly Effect[];
  readonly fee: bigint;
  readonly memos: readonly string[];
  /** What kit writes for what it has read. */
  readonly bytes: Uint8Array;
}

const systemTransfer = getStructDecoder([
  ['kind', getU32Decoder()],
  ['amount', getU64Decoder()],
]);
const tokenTransfer = getStructDecoder([
  ['kind', getU8Decoder()],
  ['amount', getU64Decoder()],
  ['decimals', getU8Decoder()],
]);
const units = getStructDecoder([
  ['kind', getU8Decoder()],
  ['units', getU32Decoder()],
]);
const price = getStructDecoder([
  ['kind', getU8Decoder()],
  ['price', getU64Decoder()],
]);

/** Throws for what kit does not read, and for instructions that no accepted message may have. */
export function readWithKit(bytes: Uint8Array): SecondReading {
  const compiled = getCompiledTransactionMessageDecoder().decode(bytes);
  const written = new Uint8Array(getCompiledTransactionMessageEncoder().encode(compiled));
  if (compiled.version === 1) throw new Error('kit reads version 1');
  const whole = decompileTransactionMessage(compiled);
  const effects: Effect[] = [];
  const memos: string[] = [];
  let limit: bigint | undefined;
  let perUnit = 0n;
  for (const { programAddress, accounts = [], data = new Uint8Array(0) } of whole.instructions) {
    const [first, second, third, fourth] = (accounts as readonly AccountMeta[]).map((one) => one.address as string);
    if (programAddress.startsWith('1111')) {
      const { kind, amount } = systemTransfer.decode(data);
      if (kind !== 2 || second === undefined) throw new Error(`system instruction ${kind}`);
      effects.push({ kind: 'sol-transfer', to: second, amount });
    } else if (programAddress.startsWith('Tokenkeg')) {
      const { kind, amount } = tokenTransfer.decode(data);
      if (kind !== 12 || first === undefined || second === undefined || third === undefined || fourth === undefined) {
        throw new Error(`token instruction ${kind}`);
      }
      effects.push({ kind: 'spl-transfer', mint: second, from: first, to: third, amount });
    } else if (programAddress.startsWith('ComputeBudget')) {
      if (data[0] === 2) limit = BigInt(units.decode(data).units);
      else if (data[0] === 3) perUnit = price.decode(data).price;
      else throw new Error(`compute budget instruction ${data[0]}`);
    } else if (programAddress.startsWith('MemoSq4')) {
      memos.push(new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array(data)));
    } else throw new Error(`program ${programAddress}`);
  }
  const used = limit ?? 200_000n * BigInt(whole.instructions.length);
  const priority = (used * perUnit) / 1_000_000n + ((used * perUnit) % 1_000_000n === 0n ? 0n : 1n);
  return {
    feePayer: whole.feePayer.address,
    signers: compiled.staticAccounts.slice(0, compiled.header.numSignerAccounts),
    effects,
    fee: 5_000n * BigInt(compiled.header.numSignerAccounts) + priority,
    memos,
    bytes: written,
  };
}
