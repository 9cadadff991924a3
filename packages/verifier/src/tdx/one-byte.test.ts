/**
 * One changed byte anywhere in evidence or endorsements is never accepted. Positions are sampled
 * evenly, with an offset that differs per file, so that successive files cover different places.
 *
 * @module
 */
import { type DcapCollateral, dcapCollateralShape, MalformedEvidenceError, parseStrictJson } from '@vitrine/documents';
import { forgeCollateral, forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { INTEL_ANCHORS, type TrustAnchor } from '../dcap/anchors.ts';
import { anchorOf, deciding, NOW, POLICY } from '../testing/forged.ts';
import { verifyTdx } from './verify-tdx.ts';

interface Evidence {
  readonly quote: Uint8Array<ArrayBuffer>;
  readonly collateral: DcapCollateral;
  readonly now: Date;
  readonly anchors: readonly TrustAnchor[];
}

const REAL: readonly [name: string, at: string][] = [
  ['tdx/phala-tdx-v4-a', '2025-07-04T10:24:15Z'],
  ['tdx/flashbots-dcap', '2026-01-27T10:19:01Z'],
];
const SAMPLES = 100;

async function accepted({ quote, collateral, now, anchors }: Evidence): Promise<boolean> {
  try {
    return (
      deciding(await verifyTdx(quote, { collateral: [collateral], fetched: [], anchors, policy: POLICY, now })) ===
      undefined
    );
  } catch (error) {
    if (error instanceof MalformedEvidenceError) return false;
    throw error;
  }
}

function realEvidence(name: string, at: string): Evidence {
  const parsed = dcapCollateralShape.parse(parseStrictJson(readTextVector(`${name}.collateral.json`)));
  if (!parsed.ok) throw new Error(`${name}: no collateral`);
  return { quote: readVector(`${name}.quote`), collateral: parsed.value, now: new Date(at), anchors: INTEL_ANCHORS };
}

function positions(length: number, offset: number): readonly number[] {
  const step = Math.max(1, Math.floor(length / SAMPLES));
  return Array.from({ length: Math.ceil(length / step) }, (_, index) =>
    Math.min(length - 1, index * step + (offset % step)),
  );
}

/** Every position of the quote's ends and of its lengths counts, beside the sample. */
async function acceptedQuoteChanges(good: Evidence): Promise<readonly string[]> {
  const found: string[] = [];
  const { length } = good.quote;
  const declared = 636 + new DataView(good.quote.buffer).getUint32(632, true);
  const special = [0, 1, 4, 632, 633, 764, 766, 1218, 1220, declared - 2, declared - 1, declared, length - 1];
  for (const position of [...special.filter((one) => one < length), ...positions(length, 7)]) {
    for (const mask of [0x01, 0x80, 0x0a]) {
      const quote = Uint8Array.from(good.quote);
      quote[position] = (quote[position] ?? 0) ^ mask;
      if (await accepted({ ...good, quote })) found.push(`quote byte ${position} ^ ${mask}`);
    }
  }
  return found;
}

async function acceptedCollateralChanges(good: Evidence): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [index, [field, text]] of Object.entries(good.collateral).entries()) {
    for (const position of [0, text.length - 1, ...positions(text.length, index * 3)]) {
      const old = text[position] ?? '';
      for (const replacement of [old === '0' ? '1' : '0', old === 'a' ? 'b' : 'a', '\n']) {
        if (replacement === old) continue;
        const changed = `${text.slice(0, position)}${replacement}${text.slice(position + 1)}`;
        if (await accepted({ ...good, collateral: { ...good.collateral, [field]: changed } })) {
          found.push(`${field} character ${position}: ${JSON.stringify(old)} to ${JSON.stringify(replacement)}`);
        }
      }
    }
  }
  return found;
}

describe('one changed byte', () => {
  for (const [name, at] of REAL) {
    promise.unless(missingVectors, 'P7', `in the quote of ${name} is never accepted`, async () => {
      const good = realEvidence(name, at);
      expect(await accepted(good)).toBe(true);
      expect(await acceptedQuoteChanges(good)).toEqual([]);
    });
    promise.unless(missingVectors, 'P7', `in the collateral of ${name} is never accepted`, async () => {
      expect(await acceptedCollateralChanges(realEvidence(name, at))).toEqual([]);
    });
  }

  promise('P7', 'in simulated evidence is never accepted either', async () => {
    const pki = forgePki({ now: NOW });
    const good = { quote: forgeQuote(pki), collateral: forgeCollateral(pki), now: NOW, anchors: [anchorOf(pki)] };
    expect(await accepted(good)).toBe(true);
    expect(await acceptedQuoteChanges(good)).toEqual([]);
    expect(await acceptedCollateralChanges(good)).toEqual([]);
  });

  promise('P7', 'no truncation of a quote is accepted', async () => {
    const pki = forgePki({ now: NOW });
    const good = { quote: forgeQuote(pki), collateral: forgeCollateral(pki), now: NOW, anchors: [anchorOf(pki)] };
    for (let length = 0; length < good.quote.length; length += 3) {
      expect(await accepted({ ...good, quote: good.quote.slice(0, length) })).toBe(false);
    }
  });
});
