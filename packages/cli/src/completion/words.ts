/**
 * What there is to complete: the table of commands as plain lists, for the writers of the shells' scripts.
 *
 * @module
 */
import type { CommandRow, CommandSpec, Completion, OptionSpec } from '../command-spec.ts';

export interface OptionWords {
  /** With its dashes. */
  readonly flag: string;
  readonly summary: string;
  readonly takesValue: boolean;
  readonly repeats: boolean;
  /** How the value is called. */
  readonly value: string;
  readonly complete: Completion;
}

export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionWords[];
  /** By position. */
  readonly positionals: readonly { readonly name: string; readonly complete: Completion }[];
}

const HELP: OptionWords = {
  flag: '--help',
  summary: 'say how it is used',
  takesValue: false,
  repeats: false,
  value: '',
  complete: 'none',
};

/** All commands, with `help` among them, and with `--help` among the options of each. */
export function completionWords(commands: readonly CommandRow[]): readonly CommandWords[] {
  const names = commands.map(({ spec }) => spec.name);
  return [
    ...commands.map(({ spec }) => wordsOf(spec)),
    {
      name: 'help',
      summary: 'Say how a command is used',
      options: [],
      positionals: [{ name: 'command', complete: names }],
    },
  ];
}

function wordsOf(spec: CommandSpec): CommandWords {
  return {
    name: spec.name,
    summary: spec.summary,
    options: [...Object.entries(spec.options).map(optionWords), HELP],
    positionals: spec.positionals.map(({ name, complete }) => ({ name, complete: complete ?? 'none' })),
  };
}

function optionWords([name, option]: readonly [string, OptionSpec]): OptionWords {
  return {
    flag: `--${name}`,
    summary: option.summary,
    takesValue: option.type === 'string',
    repeats: option.multiple === true,
    value: option.value ?? 'VALUE',
    complete: option.complete ?? 'none',
  };
}
