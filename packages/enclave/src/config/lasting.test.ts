import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { parseConfiguration } from './configuration-file.ts';
import { settingsOf } from './settings.ts';

const KEY = '0a'.repeat(32);
const LASTING = 'server: npm:a@1.0.0\nstore: sealed\n';
const parse = (text: string): ReturnType<typeof parseConfiguration> => parseConfiguration(text, 'vitrine.yaml');
const termsOf = (text: string) => settingsOf({ file: 'vitrine.yaml', configuration: parse(text) }, {}).terms;

promise('P3', 'who remembers the state, and to whom keys may be handed, is in the manifest as it is written', () => {
  const anchor = { kind: 'service', url: 'https://anchor.example/v1', key: KEY };
  const handover = { to: ['equal'], platforms: 'any' };
  expect(termsOf(`${LASTING}anchor: ${JSON.stringify(anchor)}\nhandover: ${JSON.stringify(handover)}`)).toMatchObject({
    anchor,
    handover,
  });
  expect(termsOf(`${LASTING}anchor: { kind: tpm }`).anchor).toEqual({ kind: 'tpm' });
  expect(termsOf(LASTING)).not.toHaveProperty('anchor');
  expect(termsOf(LASTING)).not.toHaveProperty('handover');
});

const release = `upgrade: { kind: signed, keys: ["${KEY}"], threshold: 1 }\n`;
for (const [what, text, message] of [
  ['an anchor of nothing', 'server: npm:a@1.0.0\nanchor: { kind: tpm }', /anchor is about keys and data that last/],
  ['a hand-over of nothing', 'server: npm:a@1.0.0\nhandover: { to: [equal], platforms: any }', /leave it out/],
  ['an unknown anchor', `${LASTING}anchor: { kind: disk }`, /anchor/],
  ['a service without a key', `${LASTING}anchor: { kind: service, url: "https://a.example" }`, /key/],
  ['a service that is no URL', `${LASTING}anchor: { kind: service, url: a, key: "${KEY}" }`, /https URL/],
  ['a hand-over to nobody', `${LASTING}handover: { to: [], platforms: any }`, /to/],
  ['a hand-over to whom else', `${LASTING}handover: { to: [older], platforms: any }`, /"older"/],
  ['machines that are not said', `${LASTING}handover: { to: [equal] }`, /platforms/],
  ['no machine at all', `${LASTING}handover: { to: [equal], platforms: [] }`, /platforms/],
  ['a release that is pinned away', `${LASTING}handover: { to: [release], platforms: any }`, /needs release keys/],
] as const) {
  promise('P3', `${what} is refused`, () => {
    expect(() => parse(`${text}\n`)).toThrow(message);
  });
}

promise('P3', 'with release keys, a release may take the keys with it', () => {
  expect(termsOf(`${LASTING}${release}handover: { to: [release, equal], platforms: [00ff00ff] }`).handover?.to).toEqual(
    ['release', 'equal'],
  );
});
