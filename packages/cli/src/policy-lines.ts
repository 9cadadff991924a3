/**
 * A key's policy as lines for people: what may be asked of the key, by whom, and how much.
 *
 * @module
 */
import type { EvmEffectPattern, KeyLimit, KeyPolicy, KeyRule, SolanaEffectPattern } from '@vitrine/documents';

/** One line for each rule and limit, in the order of the manifest. */
export function policyLines(policy: KeyPolicy): readonly string[] {
  return [
    ...policy.rules.map(ruleLine),
    ...(policy.limits ?? []).map(limitLine),
    ...(policy.copies === undefined
      ? []
      : [
          policy.copies === 'strict'
            ? 'limits: strict'
            : 'limits: for each running copy, and a restart counts as spent',
        ]),
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
    case 'solana.message':
      return [
        ...('chains' in rule && rule.chains !== undefined ? [`on ${rule.chains.join(', ')}`] : []),
        ...effects(rule.effects),
        ...('fee' in rule ? [`fee ${atMost(rule.fee.max)}`] : []),
      ];
    case 'evm.typed-data':
      return [
        ...(rule.chains === undefined ? [] : [`on ${rule.chains.join(', ')}`]),
        ...(rule.primaryTypes === undefined ? [] : [`types ${rule.primaryTypes.join(', ')}`]),
        ...(rule.contracts === undefined ? [] : [`of ${rule.contracts.join(', ')}`]),
        ...effects(rule.effects),
      ];
    case 'evm.message':
      return rule.startsWith === undefined
        ? []
        : [
            rule.startsWith === 'any'
              ? 'any text'
              : `text that begins with ${rule.startsWith.map((one) => JSON.stringify(one)).join(' or ')}`,
          ];
    case 'jws':
      return [
        ...('types' in rule ? [`typ ${rule.types.join(', ')}`, `for at most ${rule.maxLifetime} s`] : []),
        ...(rule.audiences === undefined ? [] : [`audience ${places(rule.audiences)}`]),
      ];
    default:
      return rule.contexts === undefined ? [] : [`in the context ${rule.contexts.join(', ')}`];
  }
}

type EffectPattern = EvmEffectPattern | SolanaEffectPattern;

function effects(all: readonly EffectPattern[] | undefined): readonly string[] {
  return (all ?? []).map(effectText);
}

function effectText(effect: EffectPattern): string {
  switch (effect.kind) {
    case 'native-transfer':
    case 'sol-transfer':
      return `${effect.kind} ${amounts(effect)} to ${places(effect.to)}`;
    case 'erc20-transfer':
    case 'nft-transfer':
      return `${effect.kind} of ${places(effect.token)} ${amounts(effect)} to ${places(effect.to)}`;
    case 'erc20-approval':
      return `allowance of ${places(effect.token)} ${amounts(effect)} for ${places(effect.spender)}`;
    case 'nft-approval':
      return `allowance of ${places(effect.token)} for ${places(effect.spender)}`;
    case 'spl-transfer':
      return `${effect.kind} of ${places(effect.mint)} ${amounts(effect)} to ${places(effect.to)}`;
    case 'call':
      return `call ${effect.function} of ${effect.contract.join(', ')}${effect.arguments === undefined ? '' : `, with ${effect.arguments.length} conditions on its arguments`}`;
  }
}

function limitLine(limit: KeyLimit): string {
  const scope = limit.per === 'key' ? '' : ` for each ${limit.per}`;
  return limit.kind === 'rate'
    ? `${limit.id}: at most ${limit.max} signatures in ${limit.window} s${scope}`
    : `${limit.id}: at most ${limit.max} of ${limit.asset} on ${limit.chain} in ${limit.window} s${scope}`;
}

function amounts({ above, max }: { readonly above?: string; readonly max: string }): string {
  return above === undefined ? atMost(max) : `above ${above} and ${atMost(max)}`;
}

function atMost(max: string): string {
  return max === 'any' ? 'of any amount' : `up to ${max}`;
}

function places(written: string | readonly string[]): string {
  return typeof written === 'string' ? 'anybody' : written.join(', ');
}
