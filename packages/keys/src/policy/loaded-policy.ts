/**
 * A policy as it is evaluated: checked, with sets for lists, integers for amounts, and in an order that
 * does not depend on how it was written.
 *
 * Made by `loadPolicy` alone; everything here relies on what it checked.
 *
 * @module
 */
import type { KeyAction, KeyApprover } from '@vitrine/documents';

/** Actions that one key may be used for together. */
export type ActionFamily = 'evm' | 'solana' | 'jws' | 'sign' | 'encrypt' | 'mac';

export type Places = 'any' | ReadonlySet<string>;
/** The highest accepted amount. */
export type Cap = 'any' | bigint;

/** What a rule says of value that moves, or may be moved by somebody else. */
export interface MovePattern {
  readonly kind: 'native-transfer' | 'token-transfer' | 'token-approval' | 'sol-transfer' | 'spl-transfer';
  /** As the policy calls it, such as `erc20-transfer`. */
  readonly written: string;
  /** For `token-*` alone: which reading of a token the rule speaks of. */
  readonly standard?: 'erc20' | 'nft';
  /** Token or mint; `any` for native value. */
  readonly asset: Places;
  /** Recipient, or spender of an allowance. */
  readonly to: Places;
  readonly max: Cap;
  /** The amount has to be more than this; absent where the rule does not say. */
  readonly above?: bigint;
}

export interface ArgumentCondition {
  readonly index: number;
  /** The highest accepted value; or every accepted value as text, integers in decimal. */
  readonly accepts: bigint | ReadonlySet<string>;
}

export interface CallPattern {
  readonly kind: 'call';
  readonly written: 'call';
  readonly contracts: ReadonlySet<string>;
  /** `0x` and 8 hexadecimal digits. */
  readonly selector: string;
  /** Such as `deposit(uint256,address)`. */
  readonly signature: string;
  readonly conditions: readonly ArgumentCondition[];
}

export type EffectPattern = MovePattern | CallPattern;

/** Minutes of the day in UTC, `from` inclusive, `to` exclusive, on days as `Date.getUTCDay` counts them. */
export interface Hours {
  readonly days: ReadonlySet<number>;
  readonly from: number;
  readonly to: number;
}

/** Detached signatures of at least `threshold` of these approvers. */
export interface ApprovalDemand {
  readonly threshold: number;
  readonly of: readonly string[];
}

/** A condition that is absent holds for every request. */
export interface LoadedRule {
  readonly id: string;
  readonly action: KeyAction;
  readonly chains?: ReadonlySet<string>;
  readonly contracts?: ReadonlySet<string>;
  readonly primaryTypes?: ReadonlySet<string>;
  readonly startsWith?: readonly string[];
  readonly types?: ReadonlySet<string>;
  readonly audiences?: ReadonlySet<string>;
  readonly maxLifetime?: number;
  readonly contexts?: ReadonlySet<string>;
  /** Of an allow rule: every effect matches one of these, and without any there must be no effect. Of a deny rule: one match is enough. */
  readonly effects?: readonly EffectPattern[];
  readonly fee?: Cap;
  readonly tools?: ReadonlySet<string>;
  readonly principals?: ReadonlySet<string>;
}

export interface LoadedAllowRule extends LoadedRule {
  readonly hours?: Hours;
  readonly confirm: boolean;
  readonly approval?: ApprovalDemand;
}

interface LimitScope {
  readonly id: string;
  /** Seconds. */
  readonly window: number;
  readonly per: 'key' | 'tool' | 'principal';
  readonly max: bigint;
}

export type LoadedLimit =
  | (LimitScope & {
      readonly kind: 'value';
      readonly chain: string /** Address, or `native`. */;
      readonly asset: string;
    })
  | (LimitScope & { readonly kind: 'rate' });

export interface LoadedPolicy {
  /** Of the key. */
  readonly name: string;
  readonly family: ActionFamily;
  /** Each list in the order of ids. */
  readonly denyRules: readonly LoadedRule[];
  readonly allowRules: readonly LoadedAllowRule[];
  readonly limits: readonly LoadedLimit[];
  /** There where there are limits, except for `strict` where an anchor makes it hold. */
  readonly copies?: 'strict' | 'per-live-copy';
  readonly approvers: Readonly<Record<string, KeyApprover>>;
  /** Which standard the policy says a token has, for tokens that it names. */
  readonly tokens: ReadonlyMap<string, 'erc20' | 'nft'>;
}
