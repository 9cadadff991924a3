/**
 * How the key service takes part in hand-overs: as the receiver before it opens its root, as the giver from when its
 * boot is bound.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { EvidenceService } from '@vitrine/attester';
import { type KeyStatement, UsageError, VitrineError } from '@vitrine/documents';
import type { AppRoot } from '../app-root/app-root.ts';
import type { KeydOptions } from '../keyd/contract.ts';
import { STORE_FILE } from '../keyd/open-state.ts';
import { createGiver, type Giver } from './giver.ts';
import { receiveAppRoot } from './receive-app-root.ts';

/**
 * Receives the root where one is to be handed over.
 *
 * @returns Whether it was: then there are key slots, and nothing else that lasts unless the operator has copied it.
 */
export async function receivedRoot(options: KeydOptions): Promise<boolean> {
  const { handover, genesis, manifest, directory } = options;
  if (handover === undefined) return false;
  if (genesis) {
    throw new UsageError('keys.root-exists', '--genesis makes a root, and --handover-from gets one; give one of both');
  }
  const store = join(directory, STORE_FILE);
  if (manifest.anchor !== undefined && !existsSync(store)) {
    throw new UsageError(
      'handover.store-missing',
      `the state has a freshness anchor, and an empty one would be an older one; copy the giver's ${STORE_FILE} to ${store} first`,
    );
  }
  await receiveAppRoot({ ...options, ...handover });
  return true;
}

/** The giver of one boot; `undefined` where the manifest has no terms, or there is no root. */
export function giverOf(
  options: KeydOptions,
  root: AppRoot | undefined,
  statements: readonly KeyStatement[],
  bound: () => Promise<EvidenceService> | undefined,
): Pick<Giver, 'answer'> | undefined {
  const { manifest, platform, denied, now, monotonic, randomBytes } = options;
  const { handover: terms } = manifest;
  if (terms === undefined || root === undefined) return undefined;
  const common = { manifest, terms, platform, root, statements, now, monotonic, randomBytes };
  let giver: Giver | undefined;
  return {
    answer: async (message, endorsements) => {
      const boot = await bound();
      if (boot === undefined) throw new VitrineError('busy', 'the enclave is starting; try again later');
      giver ??= createGiver({ ...common, boot, ...(denied === undefined ? {} : { denied }) });
      return giver.answer(message, endorsements);
    },
  };
}
