/**
 * `--env NAME=VALUE`, of `run` and of `init`.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';

/** @throws UsageError that names the flag, and never the value: it could be a secret. */
export function environmentOf(given: readonly string[]): Readonly<Record<string, string>> {
  const variables = given.map(parseVariable);
  const names = new Set<string>();
  for (const [name] of variables) {
    if (names.has(name)) throw new UsageError('usage.env', `--env ${name} is given twice`);
    names.add(name);
  }
  return Object.fromEntries(variables);
}

function parseVariable(text: string): readonly [string, string] {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text);
  if (match === null)
    throw new UsageError('usage.env', '--env: expected NAME=VALUE, with a name of letters, digits and "_"');
  return [match[1] ?? '', match[2] ?? ''];
}
