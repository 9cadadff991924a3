import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { parseConfiguration } from './configuration-file.ts';
import { settingsOf } from './settings.ts';

const [A, B] = ['0a'.repeat(32), '0b'.repeat(32)];
const LASTING = 'server: npm:a@1.0.0\nstore: sealed\n';
const parse = (text: string): ReturnType<typeof parseConfiguration> => parseConfiguration(text, 'vitrine.yaml');
const termsOf = (text: string) => settingsOf({ file: 'vitrine.yaml', configuration: parse(text) }, {}).terms;

promise('P3', 'the upgrade policy goes into the manifest as it is written', () => {
  const upgrade = { kind: 'signed', keys: [B, A], threshold: 1 };
  expect(termsOf(`${LASTING}upgrade: ${JSON.stringify(upgrade)}`).upgrade).toEqual(upgrade);
  expect(termsOf(`${LASTING}upgrade: { kind: pinned }`).upgrade).toEqual({ kind: 'pinned' });
  expect(termsOf(LASTING)).not.toHaveProperty('upgrade');
});

for (const [what, upgrade, message, before] of [
  ['a word', 'signed', /^vitrine\.yaml:3:10: upgrade: expected an object/],
  ['another kind', '{ kind: open }', /expected one of "pinned", "signed"/],
  ['a key twice', `{ kind: signed, keys: ["${A}", "${A}"], threshold: 1 }`, /^vitrine\.yaml:3:\d+: .*is there twice/],
  ['a threshold that cannot be reached', `{ kind: signed, keys: ["${A}"], threshold: 2 }`, /at most 1, the number of/],
  ['no keys', '{ kind: signed, keys: [], threshold: 1 }', /at least 1 entry/],
  [
    'nothing that lasts',
    `{ kind: signed, keys: ["${A}"], threshold: 1 }`,
    /^vitrine\.yaml:3:10: .*that last/,
    'data: ephemeral',
  ],
] as const) {
  promise('P3', `release keys with ${what} are refused at their place`, () => {
    const text = `server: npm:a@1.0.0\n${before ?? 'store: sealed'}\nupgrade: ${upgrade}\n`;
    expect(() => parse(text)).toThrow(message);
  });
}
