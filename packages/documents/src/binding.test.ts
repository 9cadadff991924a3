import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type BootBinding, type ChannelBinding, reportData } from './binding.ts';
import { toHex } from './encoding.ts';

interface Vector {
  readonly binding: BootBinding | ChannelBinding;
  readonly canonical: string;
  readonly reportData: string;
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/report-data.json', import.meta.url), 'utf8')) as Vector[];
const [boot, channel] = vectors as [Vector, Vector];

for (const vector of vectors) {
  promise('P3', `report data of the published ${vector.binding.type} vector`, async () => {
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
