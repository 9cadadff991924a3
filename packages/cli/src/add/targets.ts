/**
 * Which clients `vitrine add` is about: the named ones, else those that the person at the terminal chooses.
 *
 * @module
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { CLIENT_IDS, type Scope } from '@vitrine/client';
import { nearest, UsageError } from '@vitrine/documents';
import { ownInstalled, ownTarget } from './own-clients.ts';
import type { Target } from './target.ts';

/**
 * The targets of `--client`.
 *
 * @throws UsageError for a client that nobody knows, naming the nearest.
 */
export async function targetsOf(ids: readonly string[], scope: Scope): Promise<readonly Target[]> {
  return Promise.all([...new Set(ids)].map((id) => targetOf(id, scope)));
}

async function targetOf(id: string, scope: Scope): Promise<Target> {
  const own = ownTarget(id, scope);
  if (own !== undefined) return own;
  const { OTHER_IDS, otherTarget } = await import('./other-clients.ts');
  const other = otherTarget(id, scope, process.cwd());
  if (other !== undefined) return other;
  const known = [...new Set([...CLIENT_IDS, ...OTHER_IDS])];
  const near = nearest(id, known);
  throw new UsageError(
    'usage.client',
    `--client: unknown client ${JSON.stringify(id)}${near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`}\n` +
      `  known: ${known.join(', ')}\n  --print shows the entry for any other`,
  );
}

/**
 * The clients of this machine that the person chooses.
 *
 * @throws UsageError naming them, where nobody can be asked.
 */
export async function chooseClients(): Promise<readonly string[]> {
  const { otherInstalled } = await import('./other-clients.ts');
  const found = [...new Set([...ownInstalled(), ...(await otherInstalled())])];
  const seen = found.length === 0 ? 'none was found on this machine' : `found on this machine: ${found.join(', ')}`;
  if (!process.stdin.isTTY || found.length === 0) {
    throw new UsageError(
      'usage.target',
      `into which client? ${seen}. Give --client NAME; --print shows the entry for any other`,
    );
  }
  process.stderr.write(`MCP clients on this machine:\n${found.map((id, at) => `  ${at + 1}  ${id}\n`).join('')}`);
  const answer = await ask('Which ones? Numbers or names: ');
  const chosen = answer.split(/[\s,]+/).filter((word) => word !== '');
  if (chosen.length === 0) throw new UsageError('usage.target', 'no client was chosen; nothing was changed');
  return chosen.map((word) => found[Number(word) - 1] ?? word);
}

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin });
  process.stderr.write(question);
  try {
    const [answer]: unknown[] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
    return typeof answer === 'string' ? answer : '';
  } finally {
    lines.close();
  }
}
