import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { ABSENT, changed } from './testing/changed.ts';
import { normalUpgrade, upgradeShape } from './upgrade.ts';

const [A, B, C] = ['0a'.repeat(32), '0b'.repeat(32), '0c'.repeat(32)];
const SIGNED = { kind: 'signed', keys: [C, A, B], threshold: 2 } as const;

promise('P3', 'an upgrade policy is what it says, and is normal in one way', () => {
  expect(upgradeShape.parse({ kind: 'pinned' })).toMatchObject({ ok: true });
  expect(upgradeShape.parse(SIGNED)).toMatchObject({ ok: true, value: SIGNED });
  expect(upgradeShape.parse({ ...SIGNED, threshold: 3 }).ok).toBe(true);
  expect(normalUpgrade(undefined)).toEqual({ kind: 'pinned' });
  expect(normalUpgrade({ kind: 'pinned' })).toEqual({ kind: 'pinned' });
  expect(normalUpgrade(SIGNED)).toEqual({ kind: 'signed', keys: [A, B, C], threshold: 2 });
});

for (const [what, path, value, at] of [
  ['another kind', 'kind', 'open', 'kind'],
  ['no kind', 'kind', ABSENT, 'kind'],
  ['no keys', 'keys', [], 'keys'],
  ['a key twice', 'keys', [A, B, A], 'keys.2'],
  ['a key that is none', 'keys.1', '0b'.repeat(31), 'keys.1'],
  ['a key in upper-case digits', 'keys.1', '0B'.repeat(32), 'keys.1'],
  ['too many keys', 'keys', Array.from({ length: 33 }, (_, index) => (index + 16).toString(16).repeat(32)), 'keys'],
  ['a threshold of nobody', 'threshold', 0, 'threshold'],
  ['a threshold that cannot be reached', 'threshold', 4, 'threshold'],
  ['a threshold that is no number', 'threshold', '2', 'threshold'],
  ['no threshold', 'threshold', ABSENT, ''],
  ['a delay, which nothing enforces', 'minDelay', 3600, 'minDelay'],
] as const) {
  promise('P3', `an upgrade policy with ${what} is refused`, () => {
    const parsed = upgradeShape.parse(changed(SIGNED, path, value));
    if (parsed.ok) throw new Error('accepted');
    expect(parsed.issues.map((issue) => issue.path.join('.'))).toContain(at);
  });
}

promise('P3', 'a pinned policy has no keys', () => {
  expect(upgradeShape.parse({ kind: 'pinned', keys: [A] }).ok).toBe(false);
});
