/**
 * The arguments of a command, as its description says.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { UsageError } from '@vitrine/documents/errors';
import { nearest } from '@vitrine/documents/nearest';
import type { OptionSpec, OptionSpecs } from './command-spec.ts';

type Values<O extends OptionSpecs> = {
  readonly [K in keyof O]?: O[K] extends { readonly type: 'boolean' }
    ? boolean
    : O[K] extends { readonly multiple: true }
      ? readonly string[]
      : string;
};

export interface Arguments<O extends OptionSpecs> {
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
export function parseArguments<const O extends OptionSpecs>(args: readonly string[], options: O): Arguments<O> {
  const cut = args.indexOf('--');
  const own = cut < 0 ? args : args.slice(0, cut);
  requireKnown(own, options);
  try {
    const { values, positionals } = parseArgs({
      args: [...own],
      options: Object.fromEntries(
        Object.entries<OptionSpec>(options).map(([name, { type, multiple }]) => [
          name,
          { type, ...(multiple === undefined ? {} : { multiple }) },
        ]),
      ),
      allowPositionals: true,
      strict: true,
    });
    for (const [name, option] of Object.entries<OptionSpec>(options)) {
      // Such as --reference "$FILE" where FILE is not set.
      if ([values[name]].flat().includes(''))
        throw new UsageError('usage.flag', `--${name}: expected ${option.value ?? 'a value'}, found nothing`);
      const given = own.filter((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`)).length;
      if (option.multiple !== true && given > 1)
        throw new UsageError('usage.flag', `--${name} is given ${given} times`);
    }
    return { values: values as Values<O>, positionals, rest: cut < 0 ? undefined : args.slice(cut + 1) };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError('usage.flag', sentenceFor(cause, options), { cause });
  }
}

function requireKnown(own: readonly string[], options: OptionSpecs): void {
  for (const [index, arg] of own.entries()) {
    const flag = /^--?([^=]+)/.exec(arg)?.[1];
    if (flag === undefined || (arg.startsWith('--') && Object.hasOwn(options, flag))) continue;
    const before = own[index - 1]?.replace(/^--/, '') ?? '';
    // Where a value is missing, that is the mistake, and not how the next argument is called.
    if (own[index - 1]?.startsWith('--') === true && options[before]?.type === 'string')
      throw new UsageError('usage.flag', missingValue(before, options));
    const near = nearest(flag, Object.keys(options));
    const hint = near === undefined ? allowed(options) : `; did you mean --${near}?`;
    throw new UsageError('usage.flag', `unknown flag ${arg.split('=')[0] ?? arg}${hint}`);
  }
}

function allowed(options: OptionSpecs): string {
  const names = Object.keys(options).map((name) => `--${name}`);
  return names.length === 0 ? '; this command has none' : `; flags: ${names.join(', ')}`;
}

/** Node's own message for what is left: a flag without its value, or a value where none belongs. */
function sentenceFor(cause: unknown, options: OptionSpecs): string {
  const message = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
  const name = /'--([^' =]+)/.exec(message)?.[1] ?? '';
  const option = options[name];
  if (option === undefined) return message;
  return option.type === 'string' ? missingValue(name, options) : `--${name} takes no value`;
}

function missingValue(name: string, options: OptionSpecs): string {
  const option = options[name];
  const among = Array.isArray(option?.complete) ? `, such as ${option.complete.join(', ')}` : '';
  return `--${name}: expected ${option?.value ?? 'a value'} after it${among}; a value that begins with "-" is written --${name}=…`;
}

/** The one positional argument that a command wants. */
export function onlyPositional(positionals: readonly string[], what: string): string {
  const [first, second] = positionals;
  if (first === undefined) throw new UsageError('usage.missing', `expected ${what}`);
  if (second !== undefined)
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(second)}: expected only ${what}`);
  return first;
}
