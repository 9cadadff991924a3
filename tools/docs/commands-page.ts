/**
 * docs/commands.md: every command as its own help text says it.
 *
 * @module
 */
import { COMMANDS } from '../../packages/cli/src/commands.ts';
import { commandHelp, HELP_WIDTH, overview } from '../../packages/cli/src/help.ts';

export function commandsPage(): string {
  return `# Commands

What \`vitrine <command> --help\` prints. Written by \`npm run docs\` from the same descriptions as the help
texts, the completions of the shells (\`vitrine completion\`) and the manual page (\`vitrine man\`).

${block(overview(HELP_WIDTH))}
${COMMANDS.map(({ spec }) => `## vitrine ${spec.name}\n\n${block(commandHelp(spec, HELP_WIDTH))}`).join('\n')}`;
}

function block(text: string): string {
  return `\`\`\`text\n${text}\`\`\`\n`;
}
