/**
 * Real evidence of dstack. The app-compose that belongs to it is nowhere published, so what can be seen is where its
 * digest stands, and that no other document passes for it.
 */
import { fromHex, toHex } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector } from '../../../../test/vectors.ts';
import { verifyEventLog } from '../eventlog/verify-eventlog.ts';
import { parseTdxQuote } from '../tdx/parse.ts';
import { ANY_EVENTS } from '../testing/event-logs.ts';
import { judgeLaunch } from './judge.ts';

const REPORTS: readonly (readonly [file: string, composeHash: string, isConfigured: boolean])[] = [
  ['boot/tdx-lite-getquote.json', '86b0e55f2fa8e4fb69d890f14f54d5612707646e2573d54e0d2ddaaade77caa9', true],
  ['eventlog/dstack-quote-report.full.json', '3763bc34552cf3a27ff71ad5f7a90471562a1a2df552dfc1998cba2d60da27e7', false],
];

for (const [file, composeHash, isConfigured] of REPORTS) {
  promise.unless(
    missingVectors,
    'P3',
    `${file}: the digest of the app-compose is found, and no other passes`,
    async () => {
      const report = JSON.parse(readTextVector(file)) as { readonly quote: string; readonly event_log: string };
      const quote = fromHex(report.quote) ?? new Uint8Array();
      const registers = parseTdxQuote(quote).report.registers;
      const log = new TextEncoder().encode(report.event_log);
      const only = Object.fromEntries(Object.entries(registers).filter(([name]) => name.startsWith('rtmr')));
      const { events } = await verifyEventLog(log, { registers: only, policy: ANY_EVENTS, anchor: 'a' });
      const { refusal } = await judgeLaunch(
        { kind: 'app-compose', bytes: new TextEncoder().encode('{}') },
        { technology: 'tdx', registers, events },
      );
      expect(refusal).toMatchObject({
        expected: composeHash,
        message: expect.stringMatching(/not the one that the guest/),
      });
      // The version of the configuration id that real guests have, and none.
      expect(registers['mrconfigid']).toBe(isConfigured ? `01${composeHash}${'00'.repeat(15)}` : '00'.repeat(48));
      expect(toHex(quote)).toContain(registers['mrconfigid']);
    },
  );
}
