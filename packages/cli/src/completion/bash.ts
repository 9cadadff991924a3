/**
 * The completion script for bash, from 3.2 on, without the bash-completion package.
 *
 * bash splits words at ":" and "=", so `--config=FILE` arrives as three words and an URL as three, too.
 *
 * @module
 */
import type { Completion } from '../command-spec.ts';
import type { CommandWords } from './words.ts';

export function bashCompletion(commands: readonly CommandWords[]): string {
  return `# Completion of vitrine for bash, written by "vitrine completion bash".
# Load it with: source <(vitrine completion bash)

_vitrine_words() {
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
}

_vitrine_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$cur"))
}

_vitrine() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command=\${COMP_WORDS[1]}
  local valued='' position=0 i word before
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _vitrine_words ${quoted([...commands.map(({ name }) => name), '--help', '--version'])}
    return
  fi
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case $command in
${commands.map(({ name, options }) => `    ${name}) valued=${quoted(['', ...options.filter(({ takesValue }) => takesValue).map(({ flag }) => flag), ''])} ;;`).join('\n')}
  esac
  for ((i = 2; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]} before=\${COMP_WORDS[i - 1]}
    if [[ $word == -- ]]; then
      _vitrine_paths -f
      return
    fi
    [[ $word == -* || $word == : || $word == = || $before == : || $before == = ]] && continue
    [[ $valued == *" $before "* ]] || ((position++))
  done
  case "$command $prev" in
${commands.flatMap(({ name, options }) => options.filter(({ takesValue }) => takesValue).map(({ flag, complete }) => `    '${name} ${flag}') ${offer(complete)}; return ;;`)).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case $command in
${commands.map(({ name, options }) => `      ${name}) _vitrine_words ${quoted(options.map(({ flag }) => flag))} ;;`).join('\n')}
    esac
    return
  fi
  case "$command $position" in
${commands.flatMap(({ name, positionals }) => positionals.map(({ complete }, index) => `    '${name} ${index}') ${offer(complete)} ;;`)).join('\n')}
  esac
}

complete -F _vitrine vitrine
`;
}

function offer(complete: Completion): string {
  if (complete === 'file') return '_vitrine_paths -f';
  if (complete === 'directory') return '_vitrine_paths -d';
  return complete === 'none' ? ':' : `_vitrine_words ${quoted(complete)}`;
}

/** Words of this project's own, as one word of the shell. */
function quoted(words: readonly string[]): string {
  return `'${words.join(' ').replaceAll("'", "'\\''")}'`;
}
