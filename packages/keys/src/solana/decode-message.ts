/**
 * From the bytes of a Solana message to what it does. The bytes are what a wallet signs: there is no hash
 * and no prefix.
 *
 * A message does not name its network, so a signature may be used on any of them. Whether the key that is
 * to sign is one of the signers is for the caller to check.
 *
 * @module
 */
import { type Effect, type Intent, RefusedRequestError } from '../intent.ts';
import { type Meaning, readInstruction } from './instructions.ts';
import { encodeWireMessage, parseWireMessage, type WireAccount } from './wire-message.ts';

export interface SolanaMessage {
  readonly intent: Extract<Intent, { action: 'solana.message' }>;
  /** Base58; the first of the signers. */
  readonly feePayer: string;
  /** Texts that the message leaves on the chain. They move nothing, but a payee may go by them. */
  readonly memos: readonly string[];
}

/** Lamports for each signature. */
const SIGNATURE_FEE = 5_000n;
/** Compute units for each instruction of a message that sets no limit. */
const DEFAULT_UNITS = 200_000n;
const MICRO = 1_000_000n;

/**
 * Decodes a message that consists of transfers, with priority fee and memos.
 *
 * @param bytes - Legacy or version 0, unsigned, exactly one message.
 * @throws RefusedRequestError for everything else; the code begins with `solana.`.
 */
export function decodeSolanaMessage(bytes: Uint8Array): SolanaMessage {
  const message = parseWireMessage(bytes);
  const at = (index: number): WireAccount => message.accounts[index] as WireAccount;
  const meanings = message.instructions.map(({ program, accounts, data }) =>
    readInstruction({ program: at(program), accounts: [...accounts].map(at), data }),
  );
  const effects = meanings.flatMap((one): readonly Effect[] => (one.kind === 'effect' ? [one.effect] : []));
  if (effects.length === 0) {
    throw new RefusedRequestError('solana.no-transfer', 'the message transfers nothing; only transfers are signed');
  }
  const signers = message.accounts.filter(({ signer }) => signer).map(({ address }) => address);
  const memos = meanings.flatMap((one) => (one.kind === 'memo' ? [one.text] : []));
  return {
    intent: {
      action: 'solana.message',
      bytes: encodeWireMessage(message),
      chain: 'solana',
      signers,
      ...(memos.length === 0 ? {} : { memos }),
      effects,
      fee: feeOf(signers.length, meanings),
    },
    feePayer: at(0).address,
    memos,
  };
}

/** The most that the network takes. It caps compute units, and this does not: never too little. */
function feeOf(signatures: number, meanings: readonly Meaning[]): bigint {
  const limits = meanings.flatMap((one) => (one.kind === 'unit-limit' ? [one.units] : []));
  const prices = meanings.flatMap((one) => (one.kind === 'unit-price' ? [one.price] : []));
  if (limits.length > 1 || prices.length > 1) {
    throw new RefusedRequestError('solana.compute-budget', 'the message sets its compute unit limit or price twice');
  }
  const units = limits[0] ?? DEFAULT_UNITS * BigInt(meanings.length);
  const priority = (units * (prices[0] ?? 0n) + MICRO - 1n) / MICRO;
  return SIGNATURE_FEE * BigInt(signatures) + priority;
}
