/**
 * `vitrine explain`: what a check is for. The same text as docs/checks.md, from the same source.
 *
 * @module
 */
import { nearest, UsageError } from '@vitrine/documents';
import { HANDOVER_CHECKS, type HandoverCheckInfo } from '@vitrine/keys/client';
import type { CheckInfo } from '@vitrine/verifier';
import { CHECKS } from '@vitrine/verifier/checks';
import { onlyPositional, parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { explainSpec } from '../specs/explain.ts';
import { terminalOf, wrap } from '../terminal.ts';

/** Of evidence, and of hand-overs between enclaves, which say by whom they are made. */
const ALL: readonly (CheckInfo & Partial<Pick<HandoverCheckInfo, 'side'>>)[] = [...CHECKS, ...HANDOVER_CHECKS];
type Explained = (typeof ALL)[number];

export async function runExplain(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, explainSpec.options);
  const found = positionals.length === 0 ? ALL : matching(onlyPositional(positionals, 'a check'));
  if (values.json === true) process.stdout.write(`${JSON.stringify({ checks: found })}\n`);
  else process.stdout.write(positionals.length === 0 ? list(found) : found.map(page).join('\n'));
  return EXIT.done;
}

function matching(name: string): readonly Explained[] {
  const found = ALL.filter(({ id }) => id === name || id.startsWith(`${name}.`));
  if (found.length > 0) return found;
  const near = nearest(
    name,
    ALL.map(({ id }) => id),
  );
  throw new UsageError(
    'explain.unknown',
    `unknown check ${JSON.stringify(name)}${near === undefined ? '; `vitrine explain` lists all' : `; did you mean ${JSON.stringify(near)}?`}`,
  );
}

function list(checks: readonly CheckInfo[]): string {
  return checks
    .map(({ id, what }) => `${id.padEnd(26)} ${wrap(what, terminalOf(process.stdout).width, ' '.repeat(27))}\n`)
    .join('');
}

const SIDES: Readonly<Record<HandoverCheckInfo['side'], string>> = {
  giver: 'the enclave that gives its root of keys',
  receiver: 'the enclave that gets a root of keys',
  both: 'both enclaves, each of the other',
};

function page({ id, what, attack, specification, side }: Explained): string {
  const line = (name: string, text: string): string =>
    `  ${name.padEnd(14)} ${wrap(text, terminalOf(process.stdout).width, ' '.repeat(17))}`;
  return [
    id,
    line('Checks', what),
    ...(side === undefined ? [] : [line('Made by', SIDES[side])]),
    line('Without it', attack),
    line('Specification', specification),
    '',
  ].join('\n');
}
