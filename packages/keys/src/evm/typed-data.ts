/**
 * Typed data (EIP-712): a value of JSON to an intent and the hash that is signed.
 *
 * The domain must name a chain and a contract, or the signature would hold elsewhere too. Who may sign
 * which types is the policy's to say; permits come with their effects.
 *
 * Specification: EIP-712.
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes } from '@vitrine/documents';
import type { Intent } from '../intent.ts';
import { chainText } from './chains.ts';
import { effectsOfTypedData } from './permits.ts';
import { refuse } from './refuse.ts';
import { DOMAIN, dependencies, encodeType, expectMembers, readStructs, type Structs } from './typed-data-types.ts';
import { TypedValues } from './typed-data-values.ts';

export interface EvmTypedData {
  readonly intent: Extract<Intent, { readonly action: 'evm.typed-data' }>;
  /** What the signature is made over: Keccak-256 of `intent.bytes`. */
  readonly hash: Uint8Array;
}

const DOMAIN_TYPES: Readonly<Record<string, string>> = {
  name: 'string',
  version: 'string',
  chainId: 'uint256',
  verifyingContract: 'address',
  salt: 'bytes32',
};
/** Shown as escapes: they would make text read differently from what it is. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Decodes one value of typed data.
 *
 * @param value `{types, primaryType, domain, message}` as JSON gives it; `types` defines `EIP712Domain`.
 * @throws RefusedRequestError with a code `evm.…` for everything that does not have exactly one reading,
 *   and for types that are never signed.
 */
export function decodeTypedData(value: unknown): EvmTypedData {
  const given = expectMembers(value, 'typed data', ['types', 'primaryType', 'domain', 'message']);
  const primaryType = given['primaryType'];
  if (typeof primaryType !== 'string') refuse('evm.type', 'primaryType: expected the name of a type');
  const structs = readStructs(given['types'], primaryType);
  checkDomainType(structs);
  const values = new TypedValues(structs);
  const domain = values.struct(DOMAIN, given['domain'], 'domain');
  const message = values.struct(primaryType, given['message'], 'message');
  const { chainId, verifyingContract } = domain.plain;
  if (typeof chainId !== 'string' || typeof verifyingContract !== 'string')
    throw new TypeError('domain: not as its type');
  const bytes = concatBytes(Uint8Array.of(0x19, 0x01), domain.hash, message.hash);
  return {
    intent: {
      action: 'evm.typed-data',
      bytes,
      chain: chainText(BigInt(chainId)),
      contract: verifyingContract,
      primaryType,
      effects: effectsOfTypedData(
        primaryType,
        encodeType(structs, primaryType),
        dependencies(structs, primaryType),
        verifyingContract,
        message.plain,
      ),
      shown: JSON.stringify({ domain: domain.plain, message: message.plain }).replace(UNSEEN, asEscapes),
    },
    hash: keccak_256(bytes),
  };
}

/** Demands members that EIP-712 knows, with their types, and among them the two that tie a signature down. */
function checkDomainType(structs: Structs): void {
  const fields = structs.get(DOMAIN) ?? [];
  for (const { name, written } of fields) {
    if (!Object.hasOwn(DOMAIN_TYPES, name)) refuse('evm.domain', `${DOMAIN}: ${name} is no member of a domain`);
    if (DOMAIN_TYPES[name] !== written)
      refuse('evm.domain', `${DOMAIN}: expected ${DOMAIN_TYPES[name]} ${name}, got ${written}`);
  }
  for (const needed of ['chainId', 'verifyingContract'])
    if (!fields.some(({ name }) => name === needed))
      refuse('evm.domain', `${DOMAIN}: without ${needed} the signature would hold elsewhere too`);
}

/** A character of any plane as JSON's escapes. */
function asEscapes(character: string): string {
  let text = '';
  for (let index = 0; index < character.length; index++)
    text += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  return text;
}
