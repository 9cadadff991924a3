import { type BootBinding, documentDigest, handoverSpki, type Manifest, reportData, toHex } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { giverEvidence, receiverEvidence } from './handover-evidence.ts';
import type { QuoteSource } from './quote-source.ts';

const manifest: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 4,
  name: 'example',
  server: { source: { kind: 'command', command: 'x' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.0.0' },
};
const source: QuoteSource = {
  technology: 'test',
  quote: async (bytes) => bytes,
  endorsements: async () => ({ type: 'vitrine/endorsements/v1' }),
  eventLog: async () => Uint8Array.of(1),
  launch: async () => ({ kind: 'init-data', bytes: Uint8Array.of(2) }),
};
const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const common = { source, manifest, nonce: fill(1), peerNonce: fill(2), key: fill(3) };
const randomBytes = (length: number): Uint8Array => fill(4, length);

promise(
  'P4',
  'a receiver’s evidence commits to the hand-over, and its boot to the manifest and to nothing else',
  async () => {
    const { hardware, boot, handover, ...rest } = await receiverEvidence({ ...common, randomBytes });
    expect(toHex(hardware.bytes)).toBe(toHex(await reportData(handover)));
    expect(handover).toMatchObject({ role: 'receiver', bootBinding: await documentDigest(boot) });
    expect(Object.keys(boot).toSorted()).toEqual([
      'manifestDigest',
      'manifestNumber',
      'nonce',
      'sandbox',
      'tlsSpki',
      'type',
    ]);
    expect(boot).toMatchObject({ manifestNumber: 4, tlsSpki: await handoverSpki(fill(3)) });
    expect(Object.keys(rest).toSorted()).toEqual(['endorsements', 'eventLog', 'launch', 'manifest']);
  },
);

promise('P4', 'a giver’s evidence commits to its boot as it is attested to users, and names one receiver', async () => {
  const bootBinding: BootBinding = (await receiverEvidence({ ...common, randomBytes })).boot;
  const receiver = '5'.repeat(96);
  const evidence = await giverEvidence({ ...common, bootBinding, statements: [], receiver });
  expect(toHex(evidence.hardware.bytes)).toBe(toHex(await reportData(evidence.handover)));
  expect(evidence.handover).toMatchObject({ role: 'giver', receiver, bootBinding: await documentDigest(bootBinding) });
  expect(evidence.boot).toBe(bootBinding);
  expect(evidence.keyStatements).toBeUndefined();
});

for (const [what, change] of [
  ['a short challenge', { nonce: fill(1, 31) }],
  ['a long answer', { peerNonce: fill(1, 33) }],
  ['no key', { key: fill(1, 0) }],
  ['little randomness', { randomBytes: () => fill(4, 31) }],
] as const) {
  test(`${what} asks no hardware`, async () => {
    let asked = false;
    const quote = async (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> => {
      asked = true;
      return bytes;
    };
    const options = { ...common, randomBytes, source: { ...source, quote }, ...change };
    await expect(receiverEvidence(options)).rejects.toMatchObject({ code: 'attester.length' });
    expect(asked).toBe(false);
  });
}

test('a source that gives nothing', async () => {
  const silent = { ...source, quote: async () => new Uint8Array(0) };
  await expect(receiverEvidence({ ...common, randomBytes, source: silent })).rejects.toMatchObject({
    code: 'attester.no-evidence',
  });
});
