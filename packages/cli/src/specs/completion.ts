/**
 * What `vitrine completion` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const completionSpec = {
  name: 'completion',
  usage: '<bash | zsh | fish | powershell>',
  summary: "Print a shell's completion script",
  description: 'Prints the script by which a shell completes commands, options and values of vitrine.',
  positionals: [{ name: 'bash | zsh | fish | powershell', complete: ['bash', 'zsh', 'fish', 'powershell'] }],
  examples: [
    { command: 'source <(vitrine completion bash)', note: 'in ~/.bashrc' },
    { command: 'source <(vitrine completion zsh)', note: 'in ~/.zshrc, after compinit' },
    { command: 'vitrine completion fish | source', note: 'in ~/.config/fish/config.fish' },
    {
      command: 'vitrine completion powershell | Out-String | Invoke-Expression',
      note: 'in $PROFILE',
    },
  ],
  options: {},
  exitCodes: { 0: 'done', 2: 'there is no script for this shell' },
} as const satisfies CommandSpec;
