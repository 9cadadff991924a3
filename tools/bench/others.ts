/**
 * Verification of the technologies beside TDX, on evidence made for the purpose. One thread, warmed up.
 *
 * @module
 */
import { AWS_NITRO_ANCHORS } from '../../packages/verifier/src/nitro/anchors.ts';
import { verifyNitro } from '../../packages/verifier/src/nitro/verify-nitro.ts';
import { forgeNitro, NITRO_ANCHOR, NITRO_NOW, NITRO_POLICY } from '../../packages/verifier/src/testing/forged-nitro.ts';
import { type Figure, timed } from './statistics.ts';

const ROUNDS = 9;
const PER_ROUND = 20;

/** Each document has signatures of its own, down to the root, so nothing of it is remembered. */
async function nitro(): Promise<number> {
  const documents = Array.from({ length: PER_ROUND }, () => forgeNitro());
  const anchors = [...AWS_NITRO_ANCHORS, NITRO_ANCHOR];
  const total = await timed(async () => {
    for (const bytes of documents) {
      const { claims } = await verifyNitro(bytes, { policy: NITRO_POLICY, now: NITRO_NOW, anchors });
      if (claims === undefined) throw new Error('the document was refused');
    }
  });
  return total / PER_ROUND;
}

export async function benchOthers(): Promise<readonly Figure[]> {
  await nitro();
  const documents: number[] = [];
  for (let round = 0; round < ROUNDS; round++) documents.push(await nitro());
  return [{ name: 'AWS Nitro document, nothing seen before', samples: documents, unit: 'ms', target: 'under 4 ms' }];
}
