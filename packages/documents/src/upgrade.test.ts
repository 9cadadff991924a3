import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { ABSENT, changed } from './testing/changed.ts';
import { describeDelay, describeUpgrade, normalUpgrade, type UpgradePolicy, upgradeShape } from './upgrade.ts';

const [A, B, C, V, W] = ['0a', '0b', '0c', '0d', '0e'].map((digits) => digits.repeat(32)) as [
  string,
  string,
  string,
  string,
  string,
];
const SIGNED = { kind: 'signed', keys: [C, A, B], threshold: 2 } as const;
const DELAYED = { ...SIGNED, minDelay: 604_800, witnesses: { keys: [W, V], threshold: 2 } } as const;

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
  ['a delay of nothing', 'minDelay', 0, 'minDelay'],
  ['a delay with a fraction', 'minDelay', 0.5, 'minDelay'],
  ['a delay in words', 'minDelay', '7 days', 'minDelay'],
  ['a delay in milliseconds', 'minDelay', 604_800_000, 'minDelay'],
  ['witnesses of no delay', 'witnesses', { keys: [V], threshold: 1 }, 'witnesses'],
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

promise('P3', 'a delay and its witnesses are part of the policy, and normal in one way', () => {
  expect(upgradeShape.parse(DELAYED)).toMatchObject({ ok: true, value: DELAYED });
  expect(upgradeShape.parse({ ...SIGNED, minDelay: 315_360_000 }).ok).toBe(true);
  expect(normalUpgrade(DELAYED)).toEqual({
    ...SIGNED,
    keys: [A, B, C],
    minDelay: 604_800,
    witnesses: { keys: [V, W], threshold: 2 },
  });
  expect(normalUpgrade({ ...SIGNED, minDelay: 60 })).toEqual({ ...SIGNED, keys: [A, B, C], minDelay: 60 });
});

for (const [what, path, value, at] of [
  ['no delay', 'minDelay', ABSENT, 'witnesses'],
  ['no witness', 'witnesses.keys', [], 'witnesses.keys'],
  ['a witness twice', 'witnesses.keys', [V, V], 'witnesses.keys.1'],
  ['a release key among the witnesses', 'witnesses.keys', [V, B], 'witnesses.keys.1'],
  [
    'too many witnesses',
    'witnesses.keys',
    Array.from({ length: 33 }, (_, index) => (index + 16).toString(16).repeat(32)),
    'witnesses.keys',
  ],
  ['a threshold of no witness', 'witnesses.threshold', 0, 'witnesses.threshold'],
  ['a threshold of witnesses that cannot be reached', 'witnesses.threshold', 3, 'witnesses.threshold'],
  ['no threshold of witnesses', 'witnesses.threshold', ABSENT, 'witnesses'],
  ['more about its witnesses', 'witnesses.url', 'https://example.com', 'witnesses.url'],
] as const) {
  promise('P3', `a delay with ${what} is refused`, () => {
    const parsed = upgradeShape.parse(changed(DELAYED, path, value));
    if (parsed.ok) throw new Error('accepted');
    expect(parsed.issues.map((issue) => issue.path.join('.'))).toEqual([at]);
  });
}

promise('P3', 'who can change what runs is one sentence, and a delay that nobody enforces says so', () => {
  const sentences: readonly [UpgradePolicy | undefined, string][] = [
    [undefined, 'nobody: another configuration has another root'],
    [{ kind: 'pinned' }, 'nobody: another configuration has another root'],
    [SIGNED, '2 of 3 release keys, without delay'],
    [
      { ...SIGNED, minDelay: 129_600 },
      '2 of 3 release keys; the delay of 36 hours is not enforced, since it names no witnesses',
    ],
    [DELAYED, '2 of 3 release keys, 7 days after 2 of 2 witnesses have seen the release'],
  ];
  for (const [policy, sentence] of sentences) expect(describeUpgrade(policy)).toBe(sentence);
  expect([1, 60, 61, 3600, 86_400, 90_000].map(describeDelay)).toEqual([
    '1 second',
    '1 minute',
    '61 seconds',
    '1 hour',
    '1 day',
    '25 hours',
  ]);
});
