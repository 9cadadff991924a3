/**
 * Help texts, made from the descriptions of the commands.
 *
 * @module
 */
import type { CommandSpec, ExampleSpec, OptionSpec } from './command-spec.ts';
import { COMMANDS } from './commands.ts';
import { EXIT_CODES, INTRODUCTION, OVERVIEW_EXAMPLES } from './overview-text.ts';
import { wrap } from './terminal.ts';

/** Columns of a help text where the terminal does not say that it is narrower. */
export const HELP_WIDTH = 80;
const NARROWEST = 40;

/** The widest column of names; a longer name has its sentence on the next line. */
const WIDEST_NAME = 22;

/** How wide a help text for this stream is. */
export function helpWidth(stream: { readonly columns?: number }): number {
  return Math.max(NARROWEST, Math.min(HELP_WIDTH, stream.columns ?? HELP_WIDTH));
}

/** The text of `vitrine --help`. */
export function overview(width: number): string {
  const audiences = [...new Set(COMMANDS.map(({ audience }) => audience))];
  const sections = audiences.map((audience) => {
    const rows = COMMANDS.filter((command) => command.audience === audience);
    return section(
      audience,
      rows.map(({ spec }) => entry(spec.name, spec.summary, 12, width)),
    );
  });
  return [
    wrap(INTRODUCTION, width, ''),
    section('Usage', ['  vitrine <command> [arguments]']),
    ...sections,
    section(
      'Examples',
      OVERVIEW_EXAMPLES.map((command) => example({ command }, width, 0)),
    ),
    section(
      'Exit codes, the same for every command',
      Object.entries(EXIT_CODES).map(([code, when]) => entry(code, when, 3, width)),
    ),
    wrap('`vitrine <command> --help` says more. `vitrine --version` prints the version.', width, ''),
    '',
  ]
    .join('\n\n')
    .replace(/\n\n$/, '\n');
}

/** The text of `vitrine <command> --help`. */
export function commandHelp(spec: CommandSpec, width: number): string {
  const options: readonly (readonly [string, OptionSpec])[] = Object.entries(spec.options);
  // Those without a heading come first.
  const groups = [...new Set([undefined, ...options.map(([, { group }]) => group)])].filter((group) =>
    options.some(([, option]) => option.group === group),
  );
  const column = Math.min(WIDEST_NAME, Math.max(0, ...options.map(([name, option]) => flag(name, option).length))) + 2;
  return `${[
    wrap(`vitrine ${spec.name} ${spec.usage}`.trimEnd(), width, '  '),
    wrap(spec.description, width, ''),
    section(
      spec.examples.length === 1 ? 'Example' : 'Examples',
      spec.examples.map((one) => example(one, width, noteColumn(spec.examples))),
    ),
    ...groups.map((group) =>
      section(
        group ?? 'Options',
        options
          .filter(([, option]) => option.group === group)
          .map(([name, option]) => entry(flag(name, option), option.summary, column, width)),
      ),
    ),
    ...(spec.notes ?? []).map((note) => wrap(note, width, '')),
    section(
      'Exit codes',
      Object.entries(spec.exitCodes).map(([code, when]) => entry(code, when, 3, width)),
    ),
  ].join('\n\n')}\n`;
}

/** An option as it is written, such as `--policy FILE`. */
function flag(name: string, { type, value }: OptionSpec): string {
  return type === 'boolean' ? `--${name}` : `--${name} ${value ?? 'VALUE'}`;
}

function section(heading: string, lines: readonly string[]): string {
  return [heading, ...lines].join('\n');
}

function entry(name: string, sentence: string, column: number, width: number): string {
  const indent = ' '.repeat(2 + column);
  const lines = wrap(sentence, width, indent);
  return name.length + 1 > column ? `  ${name}\n${indent}${lines}` : `  ${name.padEnd(column)}${lines}`;
}

/** Notes stand below each other, behind the longest of the commands that have one. */
function noteColumn(examples: readonly ExampleSpec[]): number {
  return Math.max(0, ...examples.filter(({ note }) => note !== undefined).map(({ command }) => command.length));
}

/** A command line that is too long goes on behind a backslash, so that it can still be copied. */
function example({ command, note }: ExampleSpec, width: number, column: number): string {
  const line = note === undefined ? `  ${command}` : `  ${command.padEnd(column)}   (${note})`;
  if (line.length <= width) return line;
  const lines: string[] = [];
  let last = '  ';
  for (const [index, part] of command.split(/ (?=--)/).entries()) {
    if (index > 0 && last.length + part.length + 3 > width) {
      lines.push(`${last} \\`);
      last = `    ${part}`;
    } else {
      last = index === 0 ? `  ${part}` : `${last} ${part}`;
    }
  }
  return [...lines, last, ...(note === undefined ? [] : [`    (${note})`])].join('\n');
}
