/**
 * Messages for people to sign (`personal_sign`): text, and nothing that could be something else.
 *
 * A message is refused where it is not plainly readable text, or where it might stand for what is not
 * shown: a hash, a transaction, another message's prefix, characters that cannot be seen or that turn the
 * order of those that can.
 *
 * Specification: EIP-191, version 0x45.
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes } from '@vitrine/documents';
import { type Intent, RefusedRequestError } from '../intent.ts';
import { hexBytes, requestBytes } from './hex.ts';
import { refuse } from './refuse.ts';
import { decodeRlp } from './rlp.ts';

/** Longer than what people read, or sign-in messages need. */
export const MAX_MESSAGE_BYTES: number = 16 * 1024;
const PREFIX = '\x19Ethereum Signed Message:\n';
const HASH_BYTES = 32;
/** The shortest known transaction is a legacy one without a chain id. */
const LEAST_MEMBERS = 6;

const HASH_TEXT = /^\s*(?:0x)?[0-9a-f]{64}\s*$/i;
/**
 * Control, format, private and unassigned characters, separators of lines and paragraphs, and what is
 * shown as nothing: everything that makes text read differently from what it is. Line feed and tab pass.
 */
const UNSEEN = /[^\P{C}\n\t]|[\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

export interface EvmMessage {
  readonly intent: Extract<Intent, { readonly action: 'evm.message' }>;
  /** What the signature is made over: Keccak-256 of `intent.bytes`. */
  readonly hash: Uint8Array;
}

/**
 * Decodes one message.
 *
 * @param hex `0x` and the UTF-8 bytes of the text, without EIP-191's prefix.
 * @throws RefusedRequestError with a code `evm.…` for everything but plain text.
 */
export function decodeMessage(hex: string): EvmMessage {
  const message = requestBytes(hex, 'message', MAX_MESSAGE_BYTES);
  if (message.length === 0) refuse('evm.empty', 'message: no text');
  if (message.length === HASH_BYTES)
    refuse('evm.raw-hash', 'message: 32 bytes may be the hash of something that is not shown');
  if (isTransaction(message)) refuse('evm.transaction-as-message', 'message: it can be read as a transaction');
  const text = readText(message);
  if (HASH_TEXT.test(text)) refuse('evm.raw-hash', 'message: the text is a hash of something that is not shown');
  const inner = hexBytes(text.trim());
  if (inner !== undefined && isTransaction(inner))
    refuse('evm.transaction-as-message', 'message: the text is a transaction in hexadecimal');
  if (text.includes(PREFIX.slice(1, -1))) refuse('evm.prefix', 'message: it contains the prefix of signed messages');
  const bytes = concatBytes(new TextEncoder().encode(`${PREFIX}${message.length}`), message);
  return { intent: { action: 'evm.message', bytes, text }, hash: keccak_256(bytes) };
}

function readText(message: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message);
  } catch {
    refuse('evm.not-text', 'message: it is not UTF-8 text');
  }
  const unseen = UNSEEN.exec(text)?.[0].codePointAt(0);
  if (unseen !== undefined)
    refuse(
      'evm.unseen-character',
      `message: U+${unseen.toString(16).toUpperCase().padStart(4, '0')} cannot be seen in text`,
    );
  return text;
}

/** Whether the bytes are a list as transactions are, with a type byte or without, known or not. */
function isTransaction(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0;
  try {
    const item = decodeRlp(first < 0x80 ? bytes.subarray(1) : bytes);
    return !(item instanceof Uint8Array) && item.length >= LEAST_MEMBERS;
  } catch (error) {
    if (error instanceof RefusedRequestError) return false;
    throw error;
  }
}
