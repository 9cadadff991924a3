/**
 * The policy of a key, as it stands in the manifest: what may be asked of the key, by whom and how much.
 *
 * Nothing is allowed unless an allow rule covers the whole of a request; any deny rule that touches a part
 * of it wins; every limit that concerns it must have room. Where several allow rules cover a request, the
 * demands of all of them apply, so the order of rules means nothing.
 *
 * Amounts are decimal texts in the smallest unit, since they exceed 2^53.
 *
 * @module
 */
import {
  either,
  hex,
  type Infer,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  optional,
  type Shape,
  tagged,
  text,
} from './shape.ts';

/** Below 2^256, which has 78 digits; the loader of policies checks the rest. */
const amount = text('a whole number in the smallest unit, as decimal digits in quotes', /^(?:0|[1-9][0-9]{0,77})$/);
const cap = either(oneOf('any'), amount);
/** The amount has to be more than this: rules for small and large amounts do not overlap then. */
const above = optional(amount);
const evmAddress = text('an address: 0x and 40 lower-case hexadecimal digits, in quotes', /^0x[0-9a-f]{40}$/);
const solanaAddress = text('a Solana address in base58', /^[1-9A-HJ-NP-Za-km-z]{32,44}$/);
/** CAIP-2, and `solana` for all networks of Solana, since its messages do not name theirs. */
const chain = text('a chain, eip155:<id> or solana', /^(?:eip155:[1-9][0-9]{0,18}|solana)$/);
const evmPlaces = either(oneOf('any'), list(evmAddress));
const solanaPlaces = either(oneOf('any'), list(solanaAddress));

/** A condition on one argument of a function; integers are compared as integers, everything else as text. */
const argument = tagged('kind', {
  max: object({ kind: oneOf('max'), index: integer(0), max: amount }),
  in: object({ kind: oneOf('in'), index: integer(0), values: list(text('a value')) }),
});

/**
 * What a request does. Of a token that is ERC-20 or ERC-721 a rule says which, by naming it. A maximum is for
 * all effects of one request together that the pattern speaks of, of each token by itself.
 */
const evmEffect = tagged('kind', {
  'native-transfer': object({ kind: oneOf('native-transfer'), to: evmPlaces, above, max: cap }),
  'erc20-transfer': object({ kind: oneOf('erc20-transfer'), token: evmPlaces, to: evmPlaces, above, max: cap }),
  /** Allowances by call, permit or Permit2: as much as a transfer of the amount. */
  'erc20-approval': object({ kind: oneOf('erc20-approval'), token: evmPlaces, spender: evmPlaces, above, max: cap }),
  'nft-transfer': object({ kind: oneOf('nft-transfer'), token: evmPlaces, to: evmPlaces, max: cap }),
  'nft-approval': object({ kind: oneOf('nft-approval'), token: evmPlaces, spender: evmPlaces }),
  /** A function of a contract, by its signature with static types, such as `deposit(uint256,address)`. */
  call: object({
    kind: oneOf('call'),
    contract: list(evmAddress),
    function: text('a function signature', /^[A-Za-z_$][A-Za-z0-9_$]*\([a-z0-9,]*\)$/),
    arguments: optional(list(argument)),
  }),
});

const solanaEffect = tagged('kind', {
  /** Lamports to an account. */
  'sol-transfer': object({ kind: oneOf('sol-transfer'), to: solanaPlaces, above, max: cap }),
  /** Tokens of a mint to a token account. */
  'spl-transfer': object({ kind: oneOf('spl-transfer'), mint: solanaPlaces, to: solanaPlaces, above, max: cap }),
});

/** What rules of every action have. `tools` and `principals` demand a server of its own for each caller. */
const common = {
  id: text('a name of lower-case letters, digits and "-"', /^[a-z][a-z0-9-]{0,63}$/),
  tools: optional(list(text('the name of a tool'))),
  principals: optional(list(text('a principal'))),
} as const;

const clock = text('a time of day in UTC, such as 09:00', /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/);
const clockEnd = text('a time of day in UTC, such as 17:30, or 24:00', /^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/);

/** A deny rule has no hours: outside of them it would lapse. */
const allowing = {
  ...common,
  effect: oneOf('allow'),
  /** From inclusive, to exclusive, on these days, in UTC. A night is two rules: of which day 02:00 is could be read in two ways. */
  hours: optional(
    object({ days: list(oneOf('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')), from: clock, to: clockEnd }),
  ),
  /** The user is asked through MCP elicitation. */
  confirm: optional(oneOf('elicitation')),
  /** Detached signatures of at least `threshold` of these approvers over the exact bytes. */
  approval: optional(object({ threshold: integer(1), of: list(text('the name of an approver')) })),
} as const;
/** Here every maximum is `any`, since a denied maximum could be read in two ways. */
const denying = { ...common, effect: oneOf('deny') } as const;

const fee = object({ max: cap });
const contexts = list(text('a context', /^[\x21-\x7e]{1,128}$/));

const rule = tagged('effect', {
  allow: tagged('action', {
    'evm.transaction': object({
      ...allowing,
      action: oneOf('evm.transaction'),
      chains: list(chain),
      /** Each effect of the transaction must match one of these. */
      effects: list(evmEffect),
      /** The highest possible fee, in wei. */
      fee,
    }),
    'evm.message': object({
      ...allowing,
      action: oneOf('evm.message'),
      startsWith: either(oneOf('any'), list(text())),
    }),
    'evm.typed-data': object({
      ...allowing,
      action: oneOf('evm.typed-data'),
      chains: list(chain),
      /** Verifying contracts. */
      contracts: list(evmAddress),
      primaryTypes: list(text('the name of a type')),
      /** What permits and orders may do; a kind of typed data that spends nothing needs none. */
      effects: optional(list(evmEffect)),
    }),
    'solana.message': object({ ...allowing, action: oneOf('solana.message'), effects: list(solanaEffect), fee }),
    jws: object({
      ...allowing,
      action: oneOf('jws'),
      types: list(text('a typ')),
      audiences: either(oneOf('any'), list(text('an audience'))),
      /** Seconds from now to `exp`, which every token must have. */
      maxLifetime: integer(1),
    }),
    sign: object({ ...allowing, action: oneOf('sign'), contexts }),
    encrypt: object({ ...allowing, action: oneOf('encrypt'), contexts }),
    decrypt: object({ ...allowing, action: oneOf('decrypt'), contexts }),
    mac: object({ ...allowing, action: oneOf('mac'), contexts }),
  }),
  deny: tagged('action', {
    'evm.transaction': object({
      ...denying,
      action: oneOf('evm.transaction'),
      chains: optional(list(chain)),
      /** One match is enough; absent: everything. */
      effects: optional(list(evmEffect)),
    }),
    'evm.message': object({ ...denying, action: oneOf('evm.message'), startsWith: optional(list(text())) }),
    'evm.typed-data': object({
      ...denying,
      action: oneOf('evm.typed-data'),
      chains: optional(list(chain)),
      contracts: optional(list(evmAddress)),
      primaryTypes: optional(list(text('the name of a type'))),
      effects: optional(list(evmEffect)),
    }),
    'solana.message': object({
      ...denying,
      action: oneOf('solana.message'),
      effects: optional(list(solanaEffect)),
    }),
    jws: object({ ...denying, action: oneOf('jws'), audiences: optional(list(text('an audience'))) }),
    sign: object({ ...denying, action: oneOf('sign'), contexts: optional(contexts) }),
    encrypt: object({ ...denying, action: oneOf('encrypt'), contexts: optional(contexts) }),
    decrypt: object({ ...denying, action: oneOf('decrypt'), contexts: optional(contexts) }),
    mac: object({ ...denying, action: oneOf('mac'), contexts: optional(contexts) }),
  }),
});

const scoped = {
  id: common.id,
  /** Seconds; the window rolls. */
  window: integer(1),
  /** Each key, each tool, or each principal has the limit for itself. */
  per: oneOf('key', 'tool', 'principal'),
} as const;

const limit = tagged('kind', {
  /** Transfers, allowances and, for `native`, the highest possible fees. */
  value: object({
    kind: oneOf('value'),
    ...scoped,
    chain,
    asset: either(
      oneOf('native'),
      text('the address of a token or mint', /^(?:0x[0-9a-f]{40}|[1-9A-HJ-NP-Za-km-z]{32,44})$/),
    ),
    max: amount,
  }),
  /** Signatures. */
  rate: object({ kind: oneOf('rate'), ...scoped, max: integer(1) }),
});

const approver = tagged('kind', {
  ed25519: object({ kind: oneOf('ed25519'), publicKey: hex(32) }),
  /** Uncompressed point, without its first byte: x ‖ y. */
  p256: object({ kind: oneOf('p256'), publicKey: hex(64) }),
  /** A P-256 key of an authenticator, which signs for one relying party and origin, with user verification. */
  webauthn: object({
    kind: oneOf('webauthn'),
    publicKey: hex(64),
    rpId: text('a host name', /^[a-z0-9.-]{1,253}$/),
    origin: text('an https origin', /^https:\/\/[a-z0-9.-]+(?::[0-9]{1,5})?$/),
  }),
});

const shape = object({
  rules: list(rule),
  limits: optional(list(limit)),
  /** There exactly where there are limits. Without a freshness anchor `strict` refuses to sign; `per-live-copy` counts in each running copy. */
  copies: optional(oneOf('strict', 'per-live-copy')),
  approvers: optional(mapOf(/^[a-z][a-z0-9-]{0,31}$/, approver, 1)),
});

export type KeyPolicy = Infer<typeof shape>;
export type KeyRule = KeyPolicy['rules'][number];
export type KeyAction = KeyRule['action'];
export type KeyLimit = NonNullable<KeyPolicy['limits']>[number];
export type KeyApprover = Infer<typeof approver>;
export type EvmEffectPattern = Infer<typeof evmEffect>;
export type SolanaEffectPattern = Infer<typeof solanaEffect>;
export const keyPolicyShape: Shape<KeyPolicy> = shape;
