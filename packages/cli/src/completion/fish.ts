/**
 * The completion script for fish.
 *
 * @module
 */
import type { Completion } from '../command-spec.ts';
import type { CommandWords, OptionWords } from './words.ts';

export function fishCompletion(commands: readonly CommandWords[]): string {
  return `# Completion of vitrine for fish, written by "vitrine completion fish".
# Load it with: vitrine completion fish | source

complete -c vitrine -f
complete -c vitrine -n __fish_use_subcommand -l help -d 'say how it is used'
complete -c vitrine -n __fish_use_subcommand -l version -d 'print the version'
${commands.map(({ name, summary }) => `complete -c vitrine -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`).join('\n')}
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ name, options, positionals }: CommandWords): readonly string[] {
  const start = `complete -c vitrine -n ${quote(`__fish_seen_subcommand_from ${name}`)}`;
  return [
    ...options.map((option) => `${start} ${optionPart(option)}`),
    // fish does not count positions; what a command takes anywhere is offered everywhere.
    ...positionals.flatMap(({ complete }) => {
      if (complete === 'none') return [];
      return [`${start} ${typeof complete === 'string' ? '-F' : `-a ${quote(complete.join(' '))}`}`];
    }),
  ];
}

function optionPart({ flag, summary, takesValue, complete }: OptionWords): string {
  const value = takesValue ? ` ${valuePart(complete)}` : '';
  return `-l ${flag.slice(2)}${value} -d ${quote(summary)}`;
}

function valuePart(complete: Completion): string {
  if (complete === 'file') return '-r -F';
  if (complete === 'directory') return "-x -a '(__fish_complete_directories)'";
  return complete === 'none' ? '-x' : `-x -a ${quote(complete.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
