/**
 * One rule, checked and compiled.
 *
 * @module
 */
import type { KeyApprover, KeyRule } from '@vitrine/documents';
import { compileCap, compileEffects, type KeyReading } from './compile-effect.ts';
import { compileHours } from './hours.ts';
import type { ApprovalDemand, LoadedAllowRule, LoadedRule } from './loaded-policy.ts';
import { type Path, quoted, refusePolicy, uniqueSet } from './policy-error.ts';

/** EIP-2294: above it, wallets and libraries disagree about what the number is. */
const MAX_CHAIN_ID = 9_223_372_036_854_775_771n;
const FEE_BITS = { evm: 256, solana: 64 } as const;

/** What surrounds the rule. */
export interface RulePlace {
  /** Whether each caller has a server of its own. */
  readonly isolated: boolean;
  readonly approvers: Readonly<Record<string, KeyApprover>>;
  readonly reading: KeyReading;
}

type Written<A> = Extract<KeyRule, { action: A }>;
type Conditions = Omit<LoadedRule, 'id' | 'action'>;

/** @throws UsageError `policy.*`. */
export function compileRule(
  path: Path,
  rule: KeyRule,
  place: RulePlace,
): { readonly allow: LoadedAllowRule } | { readonly deny: LoadedRule } {
  const common = {
    id: rule.id,
    action: rule.action,
    ...conditions(path, rule, place),
    ...callers(path, rule, place.isolated),
  };
  if (rule.effect === 'deny') return { deny: common };
  return {
    allow: {
      ...common,
      ...(rule.hours === undefined ? {} : { hours: compileHours([...path, 'hours'], rule.hours) }),
      confirm: rule.confirm !== undefined,
      ...(rule.approval === undefined
        ? {}
        : { approval: checkApproval([...path, 'approval'], rule.approval, place.approvers) }),
    },
  };
}

function conditions(path: Path, rule: KeyRule, place: RulePlace): Conditions {
  switch (rule.action) {
    case 'evm.transaction':
      return {
        ...chains(path, rule),
        ...effects(path, rule, place),
        ...(rule.effect === 'allow'
          ? { fee: compileCap([...path, 'fee', 'max'], rule.fee.max, FEE_BITS.evm, 'allow') }
          : {}),
      };
    case 'evm.typed-data':
      return {
        ...chains(path, rule),
        ...listed(path, 'contracts', rule.contracts),
        ...listed(path, 'primaryTypes', rule.primaryTypes),
        // Without effects an allow rule is for typed data that spends nothing.
        ...(rule.effect === 'allow' && rule.effects === undefined ? { effects: [] } : effects(path, rule, place)),
      };
    case 'evm.message':
      return prefixes(path, rule);
    case 'solana.message':
      return {
        ...effects(path, rule, place),
        ...(rule.effect === 'allow'
          ? { fee: compileCap([...path, 'fee', 'max'], rule.fee.max, FEE_BITS.solana, 'allow') }
          : {}),
      };
    case 'jws':
      return {
        ...listed(path, 'audiences', rule.audiences),
        ...(rule.effect === 'allow' ? { ...listed(path, 'types', rule.types), maxLifetime: rule.maxLifetime } : {}),
      };
    case 'sign':
    case 'encrypt':
    case 'decrypt':
    case 'mac':
      return listed(path, 'contexts', rule.contexts);
  }
}

function listed<
  K extends 'chains' | 'contracts' | 'primaryTypes' | 'audiences' | 'types' | 'contexts' | 'tools' | 'principals',
>(path: Path, member: K, values: 'any' | readonly string[] | undefined): { readonly [M in K]?: ReadonlySet<string> } {
  if (values === undefined || values === 'any') return {};
  return { [member]: uniqueSet([...path, member], values) } as { readonly [M in K]?: ReadonlySet<string> };
}

function chains(path: Path, rule: Written<'evm.transaction' | 'evm.typed-data'>): Conditions {
  for (const [index, chain] of (rule.chains ?? []).entries()) checkEvmChain([...path, 'chains', index], chain);
  return listed(path, 'chains', rule.chains);
}

export function checkEvmChain(path: Path, chain: string): void {
  const [namespace, id = ''] = chain.split(':');
  if (namespace !== 'eip155') {
    refusePolicy('chain', path, `found ${quoted(chain)}, expected eip155:<id> for a key and rule of Ethereum`);
  }
  if (BigInt(id) > MAX_CHAIN_ID) {
    refusePolicy('chain', path, `found ${quoted(chain)}, but no chain id is above ${MAX_CHAIN_ID} (EIP-2294)`);
  }
}

function effects(
  path: Path,
  rule: Written<'evm.transaction' | 'evm.typed-data' | 'solana.message'>,
  { reading }: RulePlace,
): Conditions {
  if (rule.effects === undefined) return {};
  return { effects: compileEffects([...path, 'effects'], rule.effects, rule, reading) };
}

function prefixes(path: Path, { startsWith }: Written<'evm.message'>): Conditions {
  if (startsWith === undefined || startsWith === 'any') return {};
  for (const [index, prefix] of startsWith.entries()) {
    if (prefix === '') {
      refusePolicy(
        'prefix',
        [...path, 'startsWith', index],
        'found "", with which every text begins; write "any" if that is meant',
      );
    }
  }
  return { startsWith: [...uniqueSet([...path, 'startsWith'], startsWith)] };
}

/** The key service cannot know on whose behalf a server that several callers share asks. */
function callers(path: Path, rule: KeyRule, isolated: boolean): Conditions {
  const found = rule.tools !== undefined ? 'tools' : rule.principals !== undefined ? 'principals' : undefined;
  if (found !== undefined && !isolated) {
    refusePolicy(
      'not-isolated',
      [...path, found],
      `a rule for ${found} needs a server of its own for each caller; leave out "isolation: shared", or this condition`,
    );
  }
  return { ...listed(path, 'tools', rule.tools), ...listed(path, 'principals', rule.principals) };
}

function checkApproval(
  path: Path,
  { threshold, of }: ApprovalDemand,
  approvers: Readonly<Record<string, KeyApprover>>,
): ApprovalDemand {
  for (const [index, name] of of.entries()) {
    if (Object.hasOwn(approvers, name)) continue;
    const known = Object.keys(approvers);
    refusePolicy(
      'approver',
      [...path, 'of', index],
      `no approver is called ${quoted(name)}; ${known.length === 0 ? 'add it to approvers' : `there are ${known.join(', ')}`}`,
    );
  }
  const names = [...uniqueSet([...path, 'of'], of)].sort();
  if (threshold > names.length) {
    refusePolicy(
      'threshold',
      [...path, 'threshold'],
      `found ${threshold}, but only ${names.length} can approve; lower it or add approvers`,
    );
  }
  return { threshold, of: names };
}
