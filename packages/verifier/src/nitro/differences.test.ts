/**
 * What the checks on Nitro documents show beside their status: what the policy expects and what the
 * document has. Users correct policies by these words, so they have to be those of this document.
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { showCheck, showChecks } from '../testing/differences.ts';
import {
  goodPcrs,
  MODULE_ID,
  NITRO_ANCHOR,
  NITRO_NOW,
  OTHER_KEY,
  pcr,
  verifyForgedNitro,
} from '../testing/forged-nitro.ts';

type Changes = Parameters<typeof verifyForgedNitro>[0] & object;

const zeroed = new Map([...goodPcrs(), [0, pcr(0)], [1, pcr(0)], [2, pcr(0)]]);

const CASES: readonly [what: string, check: string, changes: Changes, shown: string, says?: string][] = [
  [
    'a root that is not trusted',
    'nitro.chain',
    {
      anchors: [
        { ...NITRO_ANCHOR, publicKey: pcr(1), name: 'one' },
        { ...NITRO_ANCHOR, publicKey: pcr(2), name: 'two' },
      ],
    },
    'failed | expected one or two | found C=US, O=Test, CN=Test Nitro Root (SHA-256 …)',
  ],
  [
    'what follows a chain that is not trusted',
    'nitro.signature',
    { anchors: [] },
    'unavailable',
    'Not evaluated: the certificate chain is not trusted.',
  ],
  [
    'what follows another key',
    'nitro.debug',
    { documentKey: OTHER_KEY },
    'unavailable',
    'Not evaluated: the signature is not good.',
  ],
  ['another key', 'nitro.signature', { documentKey: OTHER_KEY }, 'failed | by test-nitro-root'],
  [
    'debug mode',
    'nitro.debug',
    { pcrs: zeroed },
    'failed | expected PCR0 to PCR2 not all zero | found PCR0 to PCR2 all zero | by test-nitro-root',
  ],
  [
    'debug mode that is accepted',
    'nitro.debug',
    { pcrs: zeroed, policy: { debug: 'any' } },
    'waived | expected PCR0 to PCR2 not all zero | found PCR0 to PCR2 all zero | by test-nitro-root',
  ],
  [
    'another register',
    'nitro.pcrs',
    { policy: { pcrs: { pcr0: [toHex(pcr(1)), toHex(pcr(2))] } } },
    'failed | expected pcr0 = 01010101… (48 bytes) or 02020202… (48 bytes) | found a0a0a0a0… (48 bytes) | by test-nitro-root',
    'Register pcr0 has none of the values that the policy accepts.',
  ],
  [
    'a register that is not there',
    'nitro.pcrs',
    { policy: { pcrs: { pcr0: [toHex(pcr(0xa0))], pcr16: [toHex(pcr(0))] } } },
    'failed | expected pcr16 = 00000000… (48 bytes) | found not in the document | by test-nitro-root',
    'Register pcr16 has none of the values that the policy accepts.',
  ],
  [
    'another machine',
    'nitro.platform',
    { policy: { platforms: ['i-1', 'i-2'] } },
    'failed | expected i-1 or i-2 | found i-0123456789abcdef0-enc0123456789abcdef | by test-nitro-root',
  ],
  [
    'a list of machines that is missing',
    'nitro.platform',
    { policy: { platforms: 'listed' } },
    'unavailable | found i-0123456789abcdef0-enc0123456789abcdef | by test-nitro-root',
  ],
  [
    'an old document',
    'nitro.freshness',
    { now: new Date(NITRO_NOW.getTime() + 301_000) },
    'failed | expected within 300 s of 2026-06-15T12:05:01.000Z | found 2026-06-15T12:00:00.000Z | by test-nitro-root',
  ],
  [
    'a document of any age',
    'nitro.freshness',
    { policy: { maximumAgeSeconds: 'any' } },
    'waived | found 2026-06-15T12:00:00.000Z | by test-nitro-root',
  ],
  ['any machine', 'nitro.platform', {}, 'waived | found i-0123456789abcdef0-enc0123456789abcdef | by test-nitro-root'],
];

describe('what the checks on Nitro documents show', () => {
  promise('P7', 'where everything is demanded and good', async () => {
    const policy = { pcrs: { pcr0: [toHex(pcr(0xa0))] }, platforms: ['i-1', MODULE_ID] };
    expect(showChecks(await verifyForgedNitro({ policy }))).toEqual({
      'nitro.format': 'passed',
      'nitro.chain': 'passed | by test-nitro-root',
      'nitro.signature': 'passed | by test-nitro-root',
      'nitro.debug':
        'passed | expected PCR0 to PCR2 not all zero | found PCR0 to PCR2 not all zero | by test-nitro-root',
      'nitro.pcrs': 'passed | by test-nitro-root',
      'nitro.platform':
        'passed | expected i-1 or i-0123456789abcdef0-enc0123456789abcdef | found i-0123456789abcdef0-enc0123456789abcdef | by test-nitro-root',
      'nitro.freshness':
        'passed | expected within 300 s of 2026-06-15T12:00:00.000Z | found 2026-06-15T12:00:00.000Z | by test-nitro-root',
    });
  });

  for (const [what, check, changes, shown, says] of CASES) {
    promise('P7', `${check}: ${what}`, async () => {
      const found = (await verifyForgedNitro(changes)).checks.find(({ id }) => id === check);
      expect(found === undefined ? undefined : showCheck(found)).toBe(shown);
      if (says !== undefined) expect(found?.message).toBe(says);
    });
  }
});

describe("a root that says it is a simulator's", () => {
  promise('P7', 'is not spoken of under a trusted root, whatever fails', async () => {
    expect((await verifyForgedNitro()).simulatorMarker).toBe(false);
    expect((await verifyForgedNitro({ documentKey: OTHER_KEY })).simulatorMarker).toBe(false);
  });
});
