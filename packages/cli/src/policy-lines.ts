/**
 * A key's policy as lines for people: what may be asked of the key, by whom, and how much. Amounts are exact,
 * in the smallest unit, as everywhere in a policy.
 *
 * @module
 */
import type {
  EvmEffectPattern,
  KeyApprover,
  KeyLimit,
  KeyPolicy,
  KeyRule,
  SolanaEffectPattern,
} from '@vitrine/documents';

type EffectPattern = EvmEffectPattern | SolanaEffectPattern;
type Unit = keyof typeof DECIMALS;

/** Of native value. Tokens say theirs themselves, which nobody here can check. */
const DECIMALS = { wei: 18, lamports: 9 } as const;
const SPANS = [
  [86_400, 'day', 'days'],
  [3600, 'hour', 'hours'],
  [60, 'minute', 'minutes'],
  [1, 'second', 'seconds'],
] as const;
const COPIES = {
  strict: {
    anchored: 'limits: strict; an anchor sees to it that one copy signs',
    alone: 'limits: strict, so nothing is signed where nothing shows how many copies run',
  },
  'per-live-copy': {
    anchored: 'limits: counted on over restarts; an anchor sees to it that one copy signs',
    alone: 'limits: for each running copy; a restart counts as a full window spent',
  },
} as const;

/**
 * One line for each rule, limit and approver, in the order of the manifest.
 *
 * @param isAnchored - Whether the manifest names who remembers how far the state has got.
 */
export function policyLines(policy: KeyPolicy, isAnchored = false): readonly string[] {
  return [
    ...policy.rules.map(ruleLine),
    ...(policy.limits ?? []).map(limitLine),
    ...(policy.copies === undefined ? [] : [COPIES[policy.copies][isAnchored ? 'anchored' : 'alone']]),
    ...Object.entries(policy.approvers ?? {}).map(([name, approver]) => approverLine(name, approver)),
  ];
}

function ruleLine(rule: KeyRule): string {
  const who = [
    ...(rule.tools === undefined ? [] : [`while ${rule.tools.join(', ')} runs`]),
    ...(rule.principals === undefined ? [] : [`for ${rule.principals.join(', ')}`]),
  ];
  const demands =
    rule.effect === 'deny'
      ? []
      : [
          ...(rule.hours === undefined ? [] : [`${rule.hours.days.join(' ')} ${rule.hours.from}–${rule.hours.to} UTC`]),
          ...(rule.confirm === undefined ? [] : ['the user is asked']),
          ...(rule.approval === undefined
            ? []
            : [`${rule.approval.threshold} of ${rule.approval.of.join(', ')} must sign`]),
        ];
  return `${rule.id}: ${rule.effect} ${rule.action} ${[...conditions(rule), ...who, ...demands].join('; ')}`.trimEnd();
}

function conditions(rule: KeyRule): readonly string[] {
  switch (rule.action) {
    case 'evm.transaction':
      return [
        ...(rule.chains === undefined ? [] : [`on ${rule.chains.join(', ')}`]),
        ...effects(rule.effects),
        ...('fee' in rule ? [`fee ${upTo(rule.fee.max, 'wei')}`] : []),
      ];
    case 'solana.message':
      return [...effects(rule.effects), ...('fee' in rule ? [`fee ${upTo(rule.fee.max, 'lamports')}`] : [])];
    case 'evm.typed-data':
      return [
        ...(rule.chains === undefined ? [] : [`on ${rule.chains.join(', ')}`]),
        ...(rule.primaryTypes === undefined ? [] : [`types ${rule.primaryTypes.join(', ')}`]),
        ...(rule.contracts === undefined ? [] : [`of ${rule.contracts.join(', ')}`]),
        ...effects(rule.effects),
      ];
    case 'evm.message':
      return rule.startsWith === undefined ? [] : [texts(rule.startsWith)];
    case 'jws':
      return [
        ...('types' in rule ? [`typ ${rule.types.join(', ')}`, `for at most ${rule.maxLifetime} s`] : []),
        ...(rule.audiences === undefined ? [] : [`audience ${anyOr(rule.audiences, 'anybody')}`]),
      ];
    default:
      return rule.contexts === undefined ? [] : [`in the context ${rule.contexts.join(', ')}`];
  }
}

function texts(startsWith: 'any' | readonly string[]): string {
  if (startsWith === 'any') return 'any text';
  return `text that begins with ${startsWith.map((one) => JSON.stringify(one)).join(' or ')}`;
}

function effects(all: readonly EffectPattern[] | undefined): readonly string[] {
  return (all ?? []).map(effectText);
}

function effectText(effect: EffectPattern): string {
  switch (effect.kind) {
    case 'native-transfer':
      return `sends ${amounts(effect, 'wei')} to ${anyOr(effect.to, 'anybody')}`;
    case 'sol-transfer':
      return `sends ${amounts(effect, 'lamports')} to ${anyOr(effect.to, 'anybody')}`;
    case 'erc20-transfer':
    case 'nft-transfer':
      return `sends ${amounts(effect)} of ${anyOr(effect.token, 'any token')} to ${anyOr(effect.to, 'anybody')}`;
    case 'spl-transfer':
      return `sends ${amounts(effect)} of ${anyOr(effect.mint, 'any token')} to ${anyOr(effect.to, 'anybody')}`;
    case 'erc20-approval':
      return `lets ${anyOr(effect.spender, 'anybody')} take ${amounts(effect)} of ${anyOr(effect.token, 'any token')}`;
    case 'nft-approval':
      return `lets ${anyOr(effect.spender, 'anybody')} take ${anyOr(effect.token, 'any token')}`;
    case 'call':
      return [
        `calls ${effect.function} of ${effect.contract.join(', ')}`,
        ...(effect.arguments ?? []).map(argumentText),
      ].join(' with ');
  }
}

type Condition = NonNullable<Extract<EvmEffectPattern, { kind: 'call' }>['arguments']>[number];

function argumentText(condition: Condition): string {
  const text = condition.kind === 'max' ? `up to ${condition.max}` : `one of ${condition.values.join(', ')}`;
  return `argument ${condition.index} ${text}`;
}

function limitLine(limit: KeyLimit): string {
  const scope = limit.per === 'key' ? '' : ` for each ${limit.per}`;
  const window = `in any ${span(limit.window)}${scope}`;
  if (limit.kind === 'rate') return `${limit.id}: at most ${limit.max} signatures ${window}`;
  const unit = limit.chain === 'solana' ? 'lamports' : 'wei';
  const amount = limit.asset === 'native' ? exactly(limit.max, unit) : `${limit.max} units of ${limit.asset}`;
  return `${limit.id}: at most ${amount} on ${limit.chain} ${window}`;
}

function approverLine(name: string, approver: KeyApprover): string {
  const place = approver.kind === 'webauthn' ? ` at ${approver.origin}` : '';
  return `approver ${name}: ${approver.kind}${place} ${approver.publicKey}`;
}

function amounts({ above, max }: { readonly above?: string; readonly max: string }, unit?: Unit): string {
  return above === undefined ? upTo(max, unit) : `more than ${exactly(above, unit)} and ${upTo(max, unit)}`;
}

function upTo(max: string, unit?: Unit): string {
  return max === 'any' ? 'any amount' : `up to ${exactly(max, unit)}`;
}

/** Such as `1500000000000000000 wei (1.5 × 10^18)`. */
function exactly(amount: string, unit?: Unit): string {
  if (unit === undefined) return `${amount} units`;
  const decimals = DECIMALS[unit];
  if (amount.length < decimals - 5) return `${amount} ${unit}`;
  const digits = amount.padStart(decimals + 1, '0');
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  return `${amount} ${unit} (${digits.slice(0, -decimals)}${fraction === '' ? '' : `.${fraction}`} × 10^${decimals})`;
}

function span(seconds: number): string {
  const [size, one, many] = SPANS.find(([unit]) => seconds % unit === 0) ?? SPANS[3];
  const count = seconds / size;
  return count === 1 ? one : `${count} ${many}`;
}

function anyOr(written: string | readonly string[], any: string): string {
  return typeof written === 'string' ? any : written.join(', ');
}
