/**
 * The completion script for zsh, on its own `_arguments`.
 *
 * @module
 */
import type { Completion } from '../command-spec.ts';
import type { CommandWords, OptionWords } from './words.ts';

export function zshCompletion(commands: readonly CommandWords[]): string {
  return `#compdef vitrine
# Completion of vitrine for zsh, written by "vitrine completion zsh".
# Put it as _vitrine into a directory of $fpath, or load it with: source <(vitrine completion zsh)

_vitrine() {
  local curcontext="$curcontext" state state_descr line
  local -a commands
  typeset -A opt_args
  _arguments -C '(- *)--help[say how it is used]' '(- *)--version[print the version]' '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      commands=(
${commands.map(({ name, summary }) => `        ${quote(`${name}:${summary.replaceAll(':', '\\:')}`)}`).join('\n')}
      )
      _describe command commands
      ;;
    argument)
      case $words[1] in
${commands.map(argumentsOf).join('\n')}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _vitrine ]]; then
  _vitrine "$@"
else
  compdef _vitrine vitrine
fi
`;
}

function argumentsOf({ name, options, positionals }: CommandWords): string {
  const specs = [
    ...options.map(optionSpec),
    ...positionals.map(({ name: called, complete }, index) => `${index + 1}:${escaped(called)}:${action(complete)}`),
  ];
  return `        ${name})
          _arguments ${specs.map((spec) => `\\\n            ${quote(spec)}`).join(' ')}
          ;;`;
}

function optionSpec({ flag, summary, takesValue, repeats, value, complete }: OptionWords): string {
  const head = `${repeats ? '*' : ''}${flag}${takesValue ? '=' : ''}[${escaped(summary)}]`;
  return takesValue ? `${head}:${escaped(value)}:${action(complete)}` : head;
}

function action(complete: Completion): string {
  if (complete === 'file') return '_files';
  if (complete === 'directory') return '_files -/';
  return complete === 'none' ? ' ' : `(${complete.map((word) => word.replaceAll(':', '\\:')).join(' ')})`;
}

/** What `_arguments` gives a meaning of its own. */
function escaped(text: string): string {
  return text.replace(/[\\:[\]]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
