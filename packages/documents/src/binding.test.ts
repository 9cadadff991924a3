import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import {
  type BootBinding,
  bootBindingShape,
  type ChannelBinding,
  channelBindingShape,
  type RootSource,
  reportData,
} from './binding.ts';
import { canonicalBytes } from './canonical.ts';
import { toHex } from './encoding.ts';

interface Vector {
  readonly binding: BootBinding | ChannelBinding;
  readonly canonical: string;
  readonly reportData: string;
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/report-data.json', import.meta.url), 'utf8')) as Vector[];
const [boot, channel, keyed] = vectors as [Vector, Vector, Vector & { readonly binding: BootBinding }];

for (const [index, vector] of vectors.entries()) {
  promise('P3', `report data of published vector ${index}, ${vector.binding.type}`, async () => {
    const shape = vector.binding.type === 'vitrine/boot-binding/v1' ? bootBindingShape : channelBindingShape;
    expect(shape.parse(vector.binding)).toMatchObject({ ok: true });
    expect(new TextDecoder().decode(canonicalBytes(vector.binding))).toBe(vector.canonical);
    expect(toHex(await reportData(vector.binding))).toBe(vector.reportData);
  });
}

promise('P3', 'report data changes with every member of a binding', async () => {
  const flip = (value: string): string => (value.startsWith('a') ? `b${value.slice(1)}` : `a${value.slice(1)}`);
  for (const vector of [boot, channel]) {
    for (const [name, value] of Object.entries(vector.binding)) {
      if (name === 'type' || name === 'role' || name === 'sandbox') continue;
      const changed = { ...vector.binding, [name]: typeof value === 'number' ? value + 1 : flip(String(value)) };
      expect(toHex(await reportData(changed)), name).not.toBe(vector.reportData);
    }
  }
});

promise('P2', 'the kind is part of what is hashed: a boot binding never passes for a channel binding', async () => {
  const disguised = { ...boot.binding, type: 'vitrine/channel-binding/v1' } as unknown as ChannelBinding;
  expect(toHex(await reportData(disguised))).not.toBe(boot.reportData);
});

const { appRoot: root = { id: '', sources: [], copies: 'unbounded' }, ...rootless } = keyed.binding;
const [source, other] = root.sources as [RootSource, RootSource];
const withSource = (change: Partial<RootSource>): BootBinding => ({
  ...keyed.binding,
  appRoot: { ...root, sources: [{ ...source, ...change }, other] },
});

const { hpkeKey: _hpkeKey, ...noHpkeKey } = keyed.binding;
const { receiptKey: _receiptKey, ...noReceiptKey } = keyed.binding;
const { keyStatements: _keyStatements, ...noKeyStatements } = keyed.binding;
const changes: Readonly<Record<string, BootBinding>> = {
  'another HPKE key': { ...keyed.binding, hpkeKey: `B${keyed.binding.hpkeKey?.slice(1)}` },
  'another receipt key': { ...keyed.binding, receiptKey: `B${keyed.binding.receiptKey?.slice(1)}` },
  'the HPKE key for the receipt key, and the other way round': {
    ...keyed.binding,
    hpkeKey: keyed.binding.receiptKey ?? '',
    receiptKey: keyed.binding.hpkeKey ?? '',
  },
  'another root of statements': { ...keyed.binding, keyStatements: '0'.repeat(64) },
  'another application root': { ...keyed.binding, appRoot: { ...root, id: '0'.repeat(64) } },
  'sources in another order': { ...keyed.binding, appRoot: { ...root, sources: [other, source] } },
  'one source fewer': { ...keyed.binding, appRoot: { ...root, sources: [source] } },
  'another kind of source': withSource({ kind: 'other' }),
  'a source that is bound to something else': withSource({ boundTo: 'nothing' }),
  'a source that nobody else can derive': withSource({ derivableBy: [] }),
  'a source that does not survive an upgrade': withSource({ survivesUpgrade: false }),
  'a source that replicas share': withSource({ sharedByReplicas: true }),
  'no HPKE key': noHpkeKey,
  'no receipt key': noReceiptKey,
  'no statements': noKeyStatements,
  'no application root': rootless,
};
for (const [what, changed] of Object.entries(changes)) {
  promise('P4', `report data says of the keys: ${what}`, async () => {
    expect(bootBindingShape.parse(changed)).toMatchObject({ ok: true });
    expect(toHex(await reportData(changed))).not.toBe(keyed.reportData);
  });
}

const refused: Readonly<Record<string, unknown>> = {
  'an HPKE key in hexadecimal': { ...keyed.binding, hpkeKey: 'ab'.repeat(32) },
  'a receipt key of 31 bytes': { ...keyed.binding, receiptKey: 'A'.repeat(42) },
  'a padded receipt key': { ...keyed.binding, receiptKey: `${'A'.repeat(43)}=` },
  'a root of statements in upper case': { ...keyed.binding, keyStatements: 'AB'.repeat(32) },
  'a root of statements that is null': { ...keyed.binding, keyStatements: null },
  'an application root without sources': { ...keyed.binding, appRoot: { ...root, sources: [] } },
  'an application root whose copies are unknown': { ...keyed.binding, appRoot: { ...root, copies: 'none' } },
  'an application root with a secret': { ...keyed.binding, appRoot: { ...root, secret: '' } },
  'a source that says yes in text': {
    ...keyed.binding,
    appRoot: { ...root, sources: [{ ...source, survivesUpgrade: 'yes' }] },
  },
};
for (const [what, binding] of Object.entries(refused)) {
  promise('P4', `a boot binding is refused with ${what}`, () => {
    expect(bootBindingShape.parse(binding)).toMatchObject({ ok: false });
  });
}
