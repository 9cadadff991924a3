/**
 * Command lines, read by the table of flags that their help is made from.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { nearest, UsageError } from '@vitrine/documents';
import { CONNECT_FLAGS, type ConnectFlags, type FlagSpec } from '../connect-arguments.ts';

/** What was given on a command line, by name. */
export interface GivenFlags {
  readonly flags: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly positionals: readonly string[];
}

/**
 * Reads a command line by its table of flags. `--help`, `-h` and `--version` are always known.
 *
 * @throws UsageError that names the flag, and the nearest one that exists.
 */
export function readFlags(args: readonly string[], table: Readonly<Record<string, FlagSpec>>): GivenFlags {
  const end = args.indexOf('--');
  for (const arg of end === -1 ? args : args.slice(0, end)) {
    const name = /^--(?:no-)?([^=]+)/.exec(arg)?.[1];
    const whole = /^--([^=]+)/.exec(arg)?.[1] ?? '';
    if (name === undefined || ['help', 'version'].includes(whole) || Object.hasOwn(table, whole)) continue;
    const near = nearest(whole, Object.keys(table));
    throw new UsageError(
      'usage.flag',
      `unknown flag --${whole}${near === undefined ? '; --help lists them' : `; did you mean --${near}?`}`,
    );
  }
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      strict: true,
      options: {
        ...Object.fromEntries(
          Object.entries(table).map(([name, { type, multiple }]) => [name, { type, multiple: multiple === true }]),
        ),
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    });
    return { flags: values, positionals };
  } catch (cause) {
    throw new UsageError('usage.flag', `${(cause as Error).message} --help lists the flags`, { cause });
  }
}

/** Only those flags that both commands have. */
export function connectFlags({ flags }: GivenFlags): ConnectFlags {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => Object.hasOwn(CONNECT_FLAGS, name)));
}
