/**
 * `vitrine explain`: what a check is for. The same text as docs/checks.md, from the same source.
 *
 * @module
 */
import { nearest, UsageError } from '@vitrine/documents';
import type { CheckInfo } from '@vitrine/verifier';
import { CHECKS } from '@vitrine/verifier/checks';
import { onlyPositional, parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { explainSpec } from '../specs/explain.ts';
import { terminalOf, wrap } from '../terminal.ts';

export async function runExplain(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, explainSpec.options);
  const found = positionals.length === 0 ? CHECKS : matching(onlyPositional(positionals, 'a check'));
  if (values.json === true) process.stdout.write(`${JSON.stringify({ checks: found })}\n`);
  else process.stdout.write(positionals.length === 0 ? list(found) : found.map(page).join('\n'));
  return EXIT.done;
}

function matching(name: string): readonly CheckInfo[] {
  const found = CHECKS.filter(({ id }) => id === name || id.startsWith(`${name}.`));
  if (found.length > 0) return found;
  const near = nearest(
    name,
    CHECKS.map(({ id }) => id),
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

function page({ id, what, attack, specification }: CheckInfo): string {
  const line = (name: string, text: string): string =>
    `  ${name.padEnd(14)} ${wrap(text, terminalOf(process.stdout).width, ' '.repeat(17))}`;
  return [id, line('Checks', what), line('Without it', attack), line('Specification', specification), ''].join('\n');
}
