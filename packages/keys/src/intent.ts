/**
 * What a request for a signature means, once it has been decoded completely: the one thing that policy
 * judges and that is shown to people.
 *
 * An intent exists only for bytes that were decoded, encoded again, and found equal. What cannot be
 * classified has none: its decoder throws {@link RefusedRequestError}.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/** A request that no policy could allow, because it cannot be read in exactly one way. */
export class RefusedRequestError extends VitrineError {
  override readonly name: string = 'RefusedRequestError';
}

/** What a transaction or a signed permit does. Amounts are in the smallest unit; addresses in the form of their chain. */
export type Effect =
  | { readonly kind: 'native-transfer'; readonly to: string; readonly amount: bigint }
  | {
      readonly kind: 'token-transfer';
      readonly token: string;
      /** Absent: from the signer. */
      readonly from?: string;
      readonly to: string;
      /** Which standard the call belongs to; where two share the selector, the policy must name the token. */
      readonly standard: TokenStandard;
      /** Amount for ERC-20 and ERC-1155, 1 for ERC-721; for `erc20-or-erc721` the amount as ERC-20. */
      readonly amount: bigint;
      /** ERC-721 and ERC-1155. */
      readonly id?: bigint;
    }
  | {
      readonly kind: 'token-approval';
      readonly token: string;
      readonly spender: string;
      readonly standard: TokenStandard;
      /** For an operator of all tokens 2^256 - 1. */
      readonly amount: bigint;
      /** Seconds since 1970, where the allowance ends by itself. */
      readonly deadline?: bigint;
    }
  | {
      readonly kind: 'call';
      readonly contract: string;
      /** `0x` and 8 hexadecimal digits. */
      readonly selector: string;
      /** Everything after the selector. */
      readonly data: Uint8Array;
    }
  | { readonly kind: 'sol-transfer'; readonly to: string; readonly amount: bigint }
  | {
      readonly kind: 'spl-transfer';
      readonly mint: string;
      /** The token account that is debited. */
      readonly from: string;
      /** The token account that is credited. */
      readonly to: string;
      readonly amount: bigint;
    };

export type TokenStandard = 'erc20' | 'erc721' | 'erc1155' | 'erc20-or-erc721';

interface Decoded {
  /** Exactly what is signed: for a chain the bytes before hashing. */
  readonly bytes: Uint8Array;
}

export type Intent =
  | (Decoded & {
      readonly action: 'evm.transaction';
      /** `eip155:<id>`. */
      readonly chain: string;
      readonly nonce: bigint;
      readonly effects: readonly Effect[];
      /** Gas limit times the highest price, in wei. */
      readonly fee: bigint;
    })
  | (Decoded & { readonly action: 'evm.message'; readonly text: string })
  | (Decoded & {
      readonly action: 'evm.typed-data';
      readonly chain: string;
      /** Verifying contract. */
      readonly contract: string;
      readonly primaryType: string;
      /** What a permit or an order does; empty where the type is none of the known ones. */
      readonly effects: readonly Effect[];
      /** Domain and message as JSON text, for people. */
      readonly shown: string;
    })
  | (Decoded & {
      readonly action: 'solana.message';
      readonly chain: 'solana';
      /** Every account that must sign, the fee payer first; base58. */
      readonly signers: readonly string[];
      /** Texts that it leaves on the chain, by which a payee may go; absent where there is none. */
      readonly memos?: readonly string[];
      readonly effects: readonly Effect[];
      /** Lamports, with the priority fee. */
      readonly fee: bigint;
    })
  | (Decoded & {
      readonly action: 'jws';
      readonly type: string;
      readonly audiences: readonly string[];
      /** Seconds from the service's time to `exp`. */
      readonly lifetime: number;
      readonly shown: string;
    })
  | (Decoded & { readonly action: 'sign' | 'encrypt' | 'decrypt' | 'mac'; readonly context: string });

/** Who asked, as the gateway says it: the server itself is never believed about this. */
export interface Asker {
  /** Names the server process for this boot. */
  readonly instance: string;
  readonly principal: string;
  /** Tools whose calls are running in the instance right now; empty where none is. */
  readonly tools: readonly string[];
  /** Whether the instance serves this principal alone. */
  readonly isolated: boolean;
}
