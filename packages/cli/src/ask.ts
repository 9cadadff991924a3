/**
 * One question to the person at the terminal.
 *
 * @module
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { UsageError } from '@vitrine/documents';

/**
 * Asks on stderr and reads one line from stdin; only `y` and `yes` are a yes.
 *
 * @throws UsageError where nobody can answer.
 */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new UsageError('usage.unattended', 'nobody is here to be asked: look at what is shown above, then add --yes');
  const lines = createInterface({ input: process.stdin });
  process.stderr.write(`${question} [y/N] `);
  try {
    const [answer]: unknown[] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
    // Nobody pressed Enter, so the question's line is still open.
    if (answer === undefined) process.stderr.write('\n');
    return typeof answer === 'string' && /^y(?:es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
