import { fromHex } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readVector } from '../../../../test/vectors.ts';
import { parseSnpReport } from '../../../verifier/src/snp/parse.ts';
import { parseTdxQuote } from '../../../verifier/src/tdx/parse.ts';
import { checkQuoted } from './quoted-report-data.ts';

const QUOTES = ['phala-near', 'google-v5', 'oe-v5', 'coco-tdx-5', 'dstack-quote-report', 'google-cos113'] as const;
const REPORTS = ['coco-vcek', 'coco-vlek', 'google-milan', 'oak-genoa_oc'] as const;

describe('real evidence', () => {
  promise.unless(missingVectors, 'P3', 'of a TD has its report data where it is looked for', () => {
    for (const name of QUOTES) {
      const quote = readVector(`tdx/${name}.quote`);
      const reportData = fromHex(parseTdxQuote(quote).report.reportData) ?? new Uint8Array();
      expect(() => checkQuoted('tdx', quote, reportData), name).not.toThrow();
      expect(
        () =>
          checkQuoted(
            'tdx',
            quote,
            reportData.map((byte) => byte ^ 1),
          ),
        name,
      ).toThrow(/other report data/);
    }
  });

  promise.unless(missingVectors, 'P3', 'of an SEV-SNP guest has it there, too', () => {
    for (const name of REPORTS) {
      const report = readVector(`snp/${name}.report.bin`);
      const reportData = fromHex(parseSnpReport(report).reportData) ?? new Uint8Array();
      expect(() => checkQuoted('snp', report, reportData), name).not.toThrow();
      expect(() => checkQuoted('tdx', report, reportData), name).toThrow();
    }
  });
});
