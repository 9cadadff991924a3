/**
 * TDX v4 verification with collateral, beside `@phala/dcap-qvl` 0.3.9 (JavaScript), on the same
 * simulated evidence and the same root. One thread, warmed up. The verifier remembers vendors'
 * signatures that it found good, so a platform that it meets for the first time stands beside it.
 *
 * @module
 */
import { QuoteVerifier } from '@phala/dcap-qvl';
import { forgeCollateral, forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { presets, simulatorAnchor, verify } from '@vitrine/verifier';
import { type Figure, timed } from './statistics.ts';

const ROUNDS = 9;
const PER_ROUND = 45;

export async function benchVerifier(): Promise<readonly Figure[]> {
  const now = new Date();
  const pki = forgePki({ now });
  const bytes = forgeQuote(pki);
  const collateral = forgeCollateral(pki);
  const anchors = [simulatorAnchor(pki.rootPem)];
  const options = { policy: presets['hardware-only'], now, endorsements: [collateral], simulatorAnchors: anchors };
  const theirs = QuoteVerifier.newWithRootCa(Buffer.from(pki.root.der));
  const seconds = Math.floor(now.getTime() / 1000);

  const repeat = async (work: () => unknown): Promise<number> => {
    const total = await timed(async () => {
      for (let count = 0; count < PER_ROUND; count++) await work();
    });
    return total / PER_ROUND;
  };
  const ourWork = async (): Promise<void> => {
    const { verdict } = await verify({ kind: 'raw', bytes }, options);
    if (verdict !== 'simulated') throw new Error(`unexpected verdict ${verdict}`);
  };
  const theirWork = (): void => {
    const { status } = theirs.verify(Buffer.from(bytes), collateral, seconds);
    if (status !== 'UpToDate') throw new Error(`unexpected status ${status}`);
  };
  const fresh = Array.from({ length: PER_ROUND }, () => {
    const one = forgePki({ now });
    return { one, quote: forgeQuote(one), own: forgeCollateral(one) };
  });
  // Nothing of the vendor's has been seen before, and no key has been imported.
  const firstMeeting = async (): Promise<number> =>
    (await timed(async () => {
      for (const { one, quote, own } of fresh.splice(0, PER_ROUND / ROUNDS)) {
        const simulatorAnchors = [simulatorAnchor(one.rootPem)];
        await verify({ kind: 'raw', bytes: quote }, { ...options, endorsements: [own], simulatorAnchors });
      }
    })) / Math.floor(PER_ROUND / ROUNDS);
  // Both sides get compiled before anything counts.
  await repeat(ourWork);
  await repeat(theirWork);
  const ours: number[] = [];
  const other: number[] = [];
  const first: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await repeat(ourWork));
    other.push(await repeat(theirWork));
    first.push(await firstMeeting());
  }
  return [
    { name: 'TDX v4 verification with collateral', samples: ours, unit: 'ms', target: '' },
    { name: '… of a platform that was never seen before', samples: first, unit: 'ms', target: '' },
    { name: '… `@phala/dcap-qvl` 0.3.9, JavaScript', samples: other, unit: 'ms', target: '' },
    {
      name: '… times faster',
      samples: other.map((value, round) => value / (ours[round] ?? Number.NaN)),
      unit: '×',
      target: 'at least 3 ×',
    },
  ];
}
