/**
 * What Vitrine promises, as data. Every test that shows a promise cites its id through
 * {@link promise}; `coverage.test.ts` refuses unknown ids and lists promises without a test.
 *
 * @module
 */
import { test } from 'vitest';

export const promises = {
  P1: 'User data is readable only by the attested code, on the wire, at rest and in memory.',
  P2: 'A client sends no MCP byte and no MCP token before it has verified fresh evidence, bound to this very connection, against a policy that the user owns.',
  P3: 'Evidence commits to the exact code and configuration, and every link of that chain names who measured it.',
  P4: 'Keys are generated inside, are never readable by host, operator or the MCP server, and are used only under a policy that users can see.',
  P5: 'A measurement leads to a reproducible build, that to a package with its lock file, that to a source commit with a signed statement of who built it.',
  P6: 'Each tool call has a receipt signed by a key bound to the evidence; it verifies offline, years later.',
  P7: 'Every verdict lists each check as passed, failed, waived or unavailable, names the anchor behind it, and says what is not proven. A simulator never reads as verified.',
  P8: 'A server behind Vitrine loses no MCP feature.',
} as const;

export type PromiseId = keyof typeof promises;

type Body = () => void | Promise<void>;

/** A test that shows the promise `id`; otherwise the same as vitest's `test`. */
export function promise(id: PromiseId, sentence: string, body: Body, timeoutMs?: number): void {
  test(`${id} ${sentence}`, body, timeoutMs);
}

/** Like {@link promise}, but skipped, with the reason in its name, where `condition` does not hold. */
promise.unless = (missing: string | false, id: PromiseId, sentence: string, body: Body): void => {
  if (missing === false) test(`${id} ${sentence}`, body);
  else test.skip(`${id} ${sentence} (skipped: ${missing})`, body);
};
