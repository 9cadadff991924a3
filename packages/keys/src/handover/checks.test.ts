import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HANDOVER_CHECKS } from './checks.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../../docs/handover.md'), 'utf8');

test('the page has the checks as they are, in their order', () => {
  const rows = PAGE.split('\n').filter((line) => line.startsWith('| `handover.'));
  expect(rows).toEqual(
    HANDOVER_CHECKS.map(({ id, side, what, attack }) => `| \`${id}\` | ${side} | ${what} | ${attack} |`),
  );
});

test('each is there once and says all', () => {
  expect(new Set(HANDOVER_CHECKS.map(({ id }) => id)).size).toBe(HANDOVER_CHECKS.length);
  for (const { what, attack, specification } of HANDOVER_CHECKS) {
    for (const text of [what, attack]) expect(text).toMatch(/^[A-Z].*\.$/);
    expect(specification).not.toBe('');
  }
});
