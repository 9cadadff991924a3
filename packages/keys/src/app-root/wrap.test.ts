import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { SlotContext } from './keyslot-document.ts';
import { fixedSource } from './testing/root-sources.ts';
import { openSlot, sealSlot } from './wrap.ts';

const root = new Uint8Array(32).fill(9);
const source = fixedSource('simulator', 7);
const context: SlotContext = {
  appId: 'notes',
  rootId: '01'.repeat(32),
  manifestDigest: 'ab'.repeat(48),
  manifestNumber: 3,
  upgrade: { kind: 'pinned' },
  sources: [source.description],
  salt: '02'.repeat(32),
};
const sealed = async (given: Partial<SlotContext> = {}): Promise<string> =>
  (await sealSlot(root, { ...context, ...given }, [source])).sealed;

promise('P4', 'a salt that repeats, as in a copied machine, repeats no key for another context', async () => {
  const encrypted = async (given: Partial<SlotContext>): Promise<string> => (await sealed(given)).slice(0, 64);
  const all = [
    await encrypted({}),
    await encrypted({ appId: 'mail' }),
    await encrypted({ rootId: '03'.repeat(32) }),
    await encrypted({ manifestDigest: 'cd'.repeat(48) }),
    await encrypted({ manifestNumber: 4 }),
    await encrypted({ sources: [{ ...source.description, boundTo: 'a chip' }] }),
    await encrypted({ upgrade: { kind: 'signed', keys: ['05'.repeat(32)], threshold: 1 } }),
    await encrypted({ salt: '04'.repeat(32) }),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(await sealed()).toBe(await sealed());
});

promise('P4', 'the secrets of two sources do not run into each other', async () => {
  const slot = await sealSlot(root, context, [fixedSource('a', 7), fixedSource('b', 8)]);
  expect(await openSlot(slot, [fixedSource('a', 7), fixedSource('b', 8)])).toEqual(root);
  for (const [one, two] of [
    [8, 7],
    [7, 7],
    [8, 8],
    [7, 9],
  ] as const) {
    expect(await openSlot(slot, [fixedSource('a', one), fixedSource('b', two)])).toBeUndefined();
  }
  expect(await openSlot(slot, [fixedSource('a', 7)])).toBeUndefined();
});

promise('P4', 'no single bit of a sealed root can change', async () => {
  const slot = await sealSlot(root, context, [source]);
  const bytes = Buffer.from(slot.sealed, 'hex');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(await openSlot({ ...slot, sealed: changed.toString('hex') }, [source])).toBeUndefined();
  }
});
