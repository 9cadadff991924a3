/**
 * What a command is, and the arguments that all of them understand.
 *
 * @module
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearest, UsageError } from '@vitrine/documents';

export interface Command {
  readonly name: string;
  /** One line for `vitrine --help`. */
  readonly summary: string;
  /** Everything for `vitrine <name> --help`, examples first. */
  readonly help: string;
  /** Runs the command and returns the exit code. Errors are thrown. */
  run(args: readonly string[]): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = {
  readonly [K in keyof O]?: O[K] extends { type: 'boolean' }
    ? boolean
    : O[K] extends { multiple: true }
      ? readonly string[]
      : string;
};

export interface Arguments<O extends Options> {
  readonly values: Values<O>;
  readonly positionals: readonly string[];
  /** What stands after `--`; `undefined` without `--`. */
  readonly rest: readonly string[] | undefined;
}

/**
 * Parses the arguments of a command.
 *
 * @throws UsageError that names the flag, and the nearest one that exists.
 */
export function parseArguments<const O extends Options>(args: readonly string[], options: O): Arguments<O> {
  const cut = args.indexOf('--');
  const own = cut < 0 ? args : args.slice(0, cut);
  for (const arg of own) {
    const flag = /^--(?:no-)?([^=]+)/.exec(arg)?.[1];
    if (flag === undefined || Object.hasOwn(options, flag)) continue;
    const near = nearest(flag, Object.keys(options));
    throw new UsageError(
      'usage.flag',
      `unknown flag --${flag}${near === undefined ? '' : `; did you mean --${near}?`}`,
    );
  }
  try {
    const { values, positionals } = parseArgs({ args: [...own], options, allowPositionals: true, strict: true });
    for (const [name, option] of Object.entries(options)) {
      const given = own.filter((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`)).length;
      if (option.multiple !== true && given > 1)
        throw new UsageError('usage.flag', `--${name} is given ${given} times`);
    }
    return { values: values as Values<O>, positionals, rest: cut < 0 ? undefined : args.slice(cut + 1) };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new UsageError('usage.flag', message, { cause });
  }
}

/** The one positional argument that a command wants. */
export function onlyPositional(positionals: readonly string[], what: string): string {
  const [first, second] = positionals;
  if (first === undefined) throw new UsageError('usage.missing', `expected ${what}`);
  if (second !== undefined)
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(second)}: expected only ${what}`);
  return first;
}
