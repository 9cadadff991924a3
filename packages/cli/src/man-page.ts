/**
 * The manual page vitrine(1), made from the descriptions of the commands. The package ships it as
 * `man/vitrine.1`; a test says when that is not this text.
 *
 * Format: the man macros of groff, as in groff_man(7).
 *
 * @module
 */
import type { CommandRow, CommandSpec, OptionSpec } from './command-spec.ts';
import { EXIT_CODES, INTRODUCTION, OVERVIEW_EXAMPLES } from './overview-text.ts';

/** The text of the page. */
export function manPage(commands: readonly CommandRow[], version: string): string {
  return `${[
    `.TH VITRINE 1 "" "vitrine ${version}" "User Commands"`,
    '.SH NAME',
    'vitrine \\- run and use MCP servers inside a Trusted Execution Environment',
    '.SH SYNOPSIS',
    '.B vitrine',
    '.I command',
    '.RI [ arguments ]',
    '.SH DESCRIPTION',
    line(INTRODUCTION),
    '.SH COMMANDS',
    ...commands.flatMap(({ spec }) => commandLines(spec)),
    '.SH "EXIT STATUS"',
    ...tagged(Object.entries(EXIT_CODES)),
    '.SH ENVIRONMENT',
    ...tagged([
      [
        'VITRINE_HOME',
        "directory of pins, stores and the simulator's root; by default vitrine in the platform's configuration directory",
      ],
      ['NO_COLOR', 'where it is set, nothing is coloured'],
    ]),
    '.SH EXAMPLES',
    ...OVERVIEW_EXAMPLES.flatMap((command) => example(command)),
  ].join('\n')}\n`;
}

function commandLines(spec: CommandSpec): readonly string[] {
  const options: readonly (readonly [string, OptionSpec])[] = Object.entries(spec.options);
  return [
    `.SS ${argument(`vitrine ${spec.name}`)}`,
    `.B ${argument(`vitrine ${spec.name}`)}`,
    line(spec.usage),
    '.PP',
    line(spec.description),
    ...options.flatMap(([name, option]) => ['.TP', optionHead(name, option), line(`${option.summary}.`)]),
    ...(spec.notes ?? []).flatMap((note) => ['.PP', line(note)]),
    '.PP',
    spec.examples.length === 1 ? 'Example:' : 'Examples:',
    ...spec.examples.flatMap(({ command, note }) => [
      ...example(command),
      ...(note === undefined ? [] : ['.RS', line(`(${note})`), '.RE']),
    ]),
    '.PP',
    line(
      `Exit status: ${Object.entries(spec.exitCodes)
        .map(([code, when]) => `${code} ${when}`)
        .join('; ')}.`,
    ),
  ];
}

function optionHead(name: string, { type, value }: OptionSpec): string {
  const flag = `\\-\\-${name.replaceAll('-', '\\-')}`;
  return type === 'boolean' ? `.B ${flag}` : `.BI ${flag} ${argument(` ${value ?? 'VALUE'}`)}`;
}

function tagged(rows: readonly (readonly [string, string])[]): readonly string[] {
  return rows.flatMap(([name, meaning]) => ['.TP', `.B ${argument(name)}`, line(`${meaning}.`)]);
}

function example(command: string): readonly string[] {
  return ['.PP', '.RS', '.nf', line(command), '.fi', '.RE'];
}

/** Text of a paragraph: nothing in it is a request of roff. */
function line(text: string): string {
  const safe = escaped(text);
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}

/** One argument of a macro. */
function argument(text: string): string {
  return `"${escaped(text).replaceAll('"', '\\(dq')}"`;
}

function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll("'", '\\(aq')
    .replaceAll('…', '...');
}
