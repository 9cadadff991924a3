/**
 * What `vitrine add` shows before it writes, and how it writes.
 *
 * @module
 */
import { applyPlan, type BridgeEntry, describePinChange, type EntryPlan, type Pin, type Scope } from '@vitrine/client';
import { printedCommand } from '../printed-command.ts';
import { clean, terminalOf, wrap } from '../terminal.ts';
import type { Target } from './target.ts';

/** A target with the edit that is planned for it. */
export interface Planned {
  readonly target: Target;
  readonly plan: EntryPlan;
}

/** What trusting this server now means, and how it differs from what was trusted before. */
export function showPin(firstUse: boolean, pinned: Pin | undefined, pin: Pin): void {
  if (pinned === undefined) {
    if (firstUse) {
      say(
        'There was nothing to compare the code with. Pinning it now is trust on first use: from now on it must stay the same.',
      );
    }
    return;
  }
  const changes = describePinChange(pinned, pin);
  say(`This server is pinned already, and ${changes.length === 0 ? 'is as it was.' : 'differs from its pin:'}`);
  process.stderr.write(changes.map((line) => `  ${clean(line)}\n`).join(''));
}

function say(text: string): void {
  process.stderr.write(`\n${wrap(text, terminalOf(process.stderr).width, '')}\n`);
}

/** The edits, line by line. */
export function showPlans(plans: readonly Planned[]): void {
  for (const { target, plan } of plans) {
    process.stderr.write(`\n${target.title}: ${plan.file}\n${summaryOf(plan)}`);
    process.stderr.write(plan.diff.map((line) => `  ${clean(line.replaceAll('\t', '  '))}\n`).join(''));
  }
  if (plans.length > 0) process.stderr.write('\n');
}

function summaryOf({ change, before }: EntryPlan): string {
  switch (change) {
    case 'none':
      return '  nothing to change\n';
    case 'replace':
      return '  has an entry of this name with other content, which is replaced:\n';
    case 'remove':
      return '';
    case 'add':
      return before === undefined ? '  is a new file:\n' : '';
  }
}

/** Makes the edits, one after the other. */
export async function applyPlans(plans: readonly Planned[], afterwards: boolean): Promise<void> {
  for (const { target, plan } of plans) {
    const backup = await applyPlan(plan, new Date());
    if (plan.change !== 'none')
      process.stderr.write(`vitrine: wrote ${plan.file}${backup === undefined ? '' : `; the old file is ${backup}`}\n`);
    if (afterwards) process.stderr.write(`vitrine: ${target.afterwards}\n`);
  }
}

/**
 * The client's own way to take such an entry, where it has one. No command line is given for Windows,
 * whose shells do not agree on how JSON is quoted.
 */
export function hintOf(client: string | undefined, scope: Scope, name: string, entry: BridgeEntry): string | undefined {
  const json = (value: unknown): string => JSON.stringify(value);
  const shell = process.platform !== 'win32';
  if (client === 'claude-code' && shell) {
    const added = json({ type: 'stdio', ...entry });
    return printedCommand(['claude', 'mcp', 'add-json', '--scope', scope, name, added], process.platform);
  }
  if (client === 'vscode' && shell && scope === 'user')
    return printedCommand(['code', '--add-mcp', json({ name, type: 'stdio', ...entry })], process.platform);
  if (client === 'cursor' && scope === 'user') {
    const config = encodeURIComponent(Buffer.from(json(entry)).toString('base64'));
    return `cursor://anysphere.cursor-deeplink/mcp/install?name=${name}&config=${config}`;
  }
  return undefined;
}
