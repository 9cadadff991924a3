import { expect, test } from 'vitest';
import { runAdd } from './add.ts';

const URL_A = 'https://bank.example/mcp';

test.each([
  [['--client', 'curser'], 'usage.client', /did you mean "cursor"/],
  [['--client', 'emacs'], 'usage.client', /known: claude-desktop, .*zed/],
  [['--client', 'claude-desktop', '--scope', 'project'], 'usage.scope', /no configuration per project/],
  [['--client', 'windsurf', '--scope', 'project'], 'usage.scope', /no configuration per project/],
  [['--client', 'github-copilot-cli', '--scope', 'project'], 'usage.scope', /--client claude-code --scope project/],
  [['--client', 'cursor', '--scope', 'machine'], 'usage.scope', /expected user or project/],
  [['--client', 'cursor', '--name', 'a b'], 'entry.name', /no name for an entry/],
  [['--client', 'cursor', '--client', 'vscode', '--print'], 'usage.target', /one --client at a time/],
  [['--uninstall'], 'usage.target', /from which client/],
  [['--client', 'cursor', '--uninstall', '--print'], 'usage.target', /--uninstall and --print contradict/],
  [['--client', 'cursor', '--uninstall', '--mcpb', 'x.mcpb'], 'usage.target', /--uninstall and --mcpb contradict/],
  [['--client', 'goose', '--uninstall'], 'entry.print-only', /--print --client goose/],
  [['--mcpb', 'bank.mcpb'], 'mcpb.unpublished', /not installed from a registry/],
  [['--mcpb', 'bank.zip'], 'mcpb.name', /\.mcpb/],
  [['--clients', 'cursor'], 'usage.flag', /did you mean --client/],
  [['--print', '--', 'x'], 'usage.extra', /nothing may stand after/],
])('add %j is a mistake that is named', async (args, code, message) => {
  await expect(runAdd([URL_A, ...args])).rejects.toMatchObject({
    name: 'UsageError',
    code,
    message: expect.stringMatching(message),
  });
});
