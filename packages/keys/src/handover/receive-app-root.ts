/**
 * Gets the application root of a running enclave and wraps it in key slots of its own, from where it is opened as
 * after any restart. It replaces no root that is there.
 *
 * @module
 */
import { manifestDigest, needsAppRoot, UsageError } from '@vitrine/documents';
import type { Platform } from '../keyd/platform.ts';
import { adoptAppRoot, requireNoAppRoot } from './adopt-app-root.ts';
import { readJson } from './messages.ts';
import { createReceiver, type ReceiverOptions } from './receiver.ts';

/** Carries one message to the giver and brings its answer; whoever does it needs no trust. */
export type HandoverExchange = (message: string) => Promise<HandoverAnswer>;

export interface HandoverAnswer {
  /** The giver's message as it came. */
  readonly answer: string;
  /** What was fetched for the evidence in it, as `vitrine/endorsements/v1`. */
  readonly endorsements?: unknown;
}

export interface ReceiveOptions extends Omit<ReceiverOptions, 'platform'> {
  readonly platform: Platform;
  /** Where `keyslots.json` will be. */
  readonly directory: string;
  readonly exchange: HandoverExchange;
}

/**
 * Receives a root.
 *
 * @returns Its identifier.
 * @throws UsageError `keys.root-exists` where there is one, before anything is asked; a code of `HANDOVER_CHECKS`,
 *   `handover.malformed` or `handover.needless`; what `exchange` throws.
 */
export async function receiveAppRoot(options: ReceiveOptions): Promise<string> {
  const { manifest, platform, directory, exchange, randomBytes } = options;
  if (!needsAppRoot(manifest)) {
    throw new UsageError(
      'handover.needless',
      'the manifest has nothing that lasts, so there is nothing to hand over; start without --handover-from',
    );
  }
  await requireNoAppRoot(directory);
  const receiver = createReceiver(options);
  const begun = await exchange(JSON.stringify(receiver.begin()));
  const request = await receiver.request(readJson(begun.answer));
  const { answer, endorsements } = await exchange(JSON.stringify(request));
  const { root } = await receiver.accept(readJson(answer), endorsements);
  try {
    return await adoptAppRoot(
      {
        directory,
        appId: manifest.name,
        manifestDigest: await manifestDigest(manifest),
        manifestNumber: manifest.number,
        ...(manifest.upgrade === undefined ? {} : { upgrade: manifest.upgrade }),
        sources: platform.roots,
        randomBytes,
      },
      root,
    );
  } finally {
    root.fill(0);
  }
}
