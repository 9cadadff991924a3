/**
 * The parts of an evidence bundle that come from the platform, for one binding.
 *
 * It is called with bindings that this package made from typed fields, and is not part of its interface: whoever
 * could pass one could have anything attested.
 *
 * @module
 */
import {
  type BootBinding,
  type ChannelBinding,
  type EvidenceBundle,
  type HandoverBinding,
  reportData,
  VitrineError,
} from '@vitrine/documents';
import type { QuoteSource } from './quote-source.ts';

/** @throws VitrineError of the source, or `attester.no-evidence`. */
export async function collect(
  source: QuoteSource,
  binding: BootBinding | ChannelBinding | HandoverBinding,
): Promise<Pick<EvidenceBundle, 'hardware' | 'eventLog' | 'launch' | 'endorsements'>> {
  const bytes = await source.quote(await reportData(binding));
  if (bytes.length === 0) throw new VitrineError('attester.no-evidence', `${source.technology} returned no evidence`);
  const endorsements = await source.endorsements();
  const eventLog = await source.eventLog?.();
  const launch = await source.launch?.();
  return {
    hardware: { technology: source.technology, bytes },
    ...(eventLog === undefined ? {} : { eventLog }),
    ...(launch === undefined ? {} : { launch }),
    ...(endorsements === undefined ? {} : { endorsements }),
  };
}
