/**
 * Function calls as rules write them, checked and compiled.
 *
 * Only static types are spoken of: their arguments stand at fixed places, so a call can be read in one way.
 *
 * Specification: Solidity contract ABI, "Function Selector and Argument Encoding".
 *
 * @module
 */
import type { EvmEffectPattern } from '@vitrine/documents';
import { checkSignature, selectorOf } from '../evm/call-arguments.ts';
import { type Elementary, elementary, inRange } from '../evm/elementary.ts';
import type { ArgumentCondition, CallPattern } from './loaded-policy.ts';
import { type Path, quoted, refusePolicy, uniqueSet } from './policy-error.ts';

type WrittenCall = Extract<EvmEffectPattern, { kind: 'call' }>;
type WrittenCondition = NonNullable<WrittenCall['arguments']>[number];

/** @throws UsageError `policy.*`. `selectors` gives the signature by selector that the policy has named so far. */
export function compileCall(
  path: Path,
  written: WrittenCall,
  effect: 'allow' | 'deny',
  selectors: Map<string, string>,
): CallPattern {
  const signature = written.function;
  const at = [...path, 'function'];
  const problem = checkSignature(signature, written.contract);
  if (problem !== undefined) refusePolicy('function', at, `${quoted(signature)}: ${problem}`);
  const selector = selectorOf(signature);
  const before = selectors.get(selector);
  if (before !== undefined && before !== signature) {
    refusePolicy(
      'two-readings',
      at,
      `${quoted(signature)} and ${quoted(before)} have the same selector ${selector}, so a call can be read in two ways; leave one out`,
    );
  }
  selectors.set(selector, signature);
  return {
    kind: 'call',
    written: 'call',
    contracts: uniqueSet([...path, 'contract'], written.contract),
    selector,
    signature,
    conditions: compileConditions([...path, 'arguments'], written.arguments ?? [], argumentsOf(signature), effect),
  };
}

interface Argument {
  readonly name: string;
  readonly type: Elementary;
}

/** Of a signature that was found to be in order. */
function argumentsOf(signature: string): readonly Argument[] {
  const names = signature.slice(signature.indexOf('(') + 1, -1).split(',');
  return names.flatMap((name) => {
    const type = elementary(name);
    return type === undefined ? [] : [{ name, type }];
  });
}

function compileConditions(
  path: Path,
  written: readonly WrittenCondition[],
  types: readonly Argument[],
  effect: 'allow' | 'deny',
): readonly ArgumentCondition[] {
  const seen = new Set<number>();
  return written.map((condition, position) => {
    const at = [...path, position];
    const { index } = condition;
    const argument = types[index];
    if (argument === undefined) {
      const found = types.length === 0 ? 'has none' : `has ${types.length}, from 0 to ${types.length - 1}`;
      refusePolicy('argument', [...at, 'index'], `found ${index}, but the function ${found}`);
    }
    if (seen.has(index)) {
      refusePolicy('duplicate', [...at, 'index'], `argument ${index} has a condition already; leave one out`);
    }
    seen.add(index);
    const accepts =
      condition.kind === 'max'
        ? maximum(at, condition.max, argument, effect)
        : accepted([...at, 'values'], condition.values, argument);
    return { index, accepts };
  });
}

function maximum(path: Path, max: string, { name, type }: Argument, effect: 'allow' | 'deny'): bigint {
  if (type.kind !== 'uint') {
    refusePolicy(
      'argument',
      path,
      `max needs an unsigned integer, but the argument is ${name}; write kind: in with the accepted values`,
    );
  }
  if (effect === 'deny') {
    refusePolicy(
      'deny-max',
      path,
      'a denied maximum could mean what is above or what is below it; write kind: in, or leave it to the allow rules',
    );
  }
  const limit = BigInt(max);
  if (!inRange(type, limit)) {
    refusePolicy('amount', [...path, 'max'], `found ${max}, which no ${name} can be; leave the condition out`);
  }
  return limit;
}

function accepted(path: Path, written: readonly string[], argument: Argument): ReadonlySet<string> {
  for (const [index, value] of written.entries()) {
    const expected = misfit(value, argument.type);
    if (expected === undefined) continue;
    refusePolicy('argument', [...path, index], `found ${quoted(value)} for ${argument.name}, expected ${expected}`);
  }
  return uniqueSet(path, written);
}

/** What a value of `type` looks like, where `value` does not. Each value has one text. */
function misfit(value: string, type: Elementary): string | undefined {
  switch (type.kind) {
    case 'bool':
      return value === 'true' || value === 'false' ? undefined : '"true" or "false"';
    case 'address':
      return isHex(value, 20) ? undefined : '0x and 40 lower-case hexadecimal digits';
    case 'bytes':
      return isHex(value, type.size) ? undefined : `0x and ${type.size * 2} lower-case hexadecimal digits`;
    case 'uint':
    case 'int': {
      const decimal = value.length <= 78 && /^(?:0|-?[1-9][0-9]*)$/.test(value);
      return decimal && inRange(type, BigInt(value))
        ? undefined
        : `a whole number of ${type.bits} bits in decimal digits`;
    }
  }
}

function isHex(value: string, bytes: number): boolean {
  return value.length === bytes * 2 + 2 && /^0x[0-9a-f]*$/.test(value);
}
