/**
 * SEV-SNP reports through the guest device, for machines without configfs or where the device is open anyway.
 *
 * @module
 */
import type { Endorsements } from '@vitrine/documents';
import { joinEndorsements } from '../join-endorsements.ts';
import type { QuoteSource } from '../quote-source.ts';
import { checkQuoted } from '../tsm/quoted-report-data.ts';
import { tableEndorsements } from './certificate-table.ts';
import type { SevGuest } from './sev-guest.ts';

export interface SevGuestQuoteSourceOptions {
  /** Privilege level (VMPL) that the report is to be of; 0 unless given. */
  readonly vmpl?: number;
  /** Endorsements from elsewhere, beside those that the host gives with a report. */
  readonly endorsements?: () => Promise<Endorsements | undefined>;
}

/** A source over the device. The device stays the caller's to close. */
export function sevGuestQuoteSource(guest: SevGuest, options: SevGuestQuoteSourceOptions = {}): QuoteSource {
  let table: Uint8Array | undefined;
  return {
    technology: 'snp',
    quote: async (reportData) => {
      const { report, certificates } = await guest.extendedReport(reportData, options.vmpl ?? 0);
      checkQuoted('snp', report, reportData);
      table = certificates;
      return report;
    },
    endorsements: async () => joinEndorsements(tableEndorsements(table), await options.endorsements?.()),
  };
}
