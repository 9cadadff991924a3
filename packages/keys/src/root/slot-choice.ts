/**
 * Which slot opens for what is running, and if none does, what differs. The message names only what is
 * public anyway: manifests and kinds of sources.
 *
 * @module
 */
import type { RootSecretSource } from '@vitrine/attester';
import { UsageError } from '@vitrine/documents';
import type { Keyslot } from './keyslot-document.ts';
import { openSlot } from './wrap.ts';

/** What asks for the root. */
export interface Running {
  readonly appId: string;
  readonly manifest: { readonly digest: string; readonly number: number };
  readonly sources: readonly RootSecretSource[];
}

/**
 * Opens the first slot that admits what is running.
 *
 * @throws UsageError `keys.manifest-older` or `keys.slot-closed`.
 */
export async function findSlot(
  slots: readonly Keyslot[],
  running: Running,
  file: string,
): Promise<{ readonly slot: Keyslot; readonly root: Uint8Array<ArrayBuffer> }> {
  const { manifest } = running;
  const highest = Math.max(...slots.map(({ manifestNumber }) => manifestNumber));
  if (manifest.number < highest) {
    throw new UsageError(
      'keys.manifest-older',
      `the root in ${file} was handed over to the manifest with number ${highest}, and ${manifest.number} is running; run the newer one`,
    );
  }
  const ofApp = slots.filter(({ appId }) => appId === running.appId);
  if (ofApp.length === 0) {
    throw closed(
      file,
      `they are of the application ${JSON.stringify(slots[0]?.appId)}, not ${JSON.stringify(running.appId)}`,
    );
  }
  const admitted = ofApp.filter((slot) => admits(slot, manifest));
  if (admitted.length === 0) {
    const [{ manifestNumber, manifestDigest } = { manifestNumber: 0, manifestDigest: '' }] = ofApp;
    throw closed(
      file,
      `the manifest differs: the root is wrapped for number ${manifestNumber} with digest ${manifestDigest}, running is number ${manifest.number} with digest ${manifest.digest}; run the former, and re-wrap the root for the new manifest from there`,
    );
  }
  const kinds = running.sources.map(({ description }) => description.kind).join(' and ');
  const fitting = admitted.filter(({ sources }) => sources.map(({ kind }) => kind).join(' and ') === kinds);
  if (fitting.length === 0) {
    const needed = admitted.map(({ sources }) => sources.map(({ kind }) => kind).join(' and ')).join(', or ');
    throw closed(file, `the platform differs: the root is wrapped under ${needed}, and here is ${kinds}`);
  }
  for (const slot of fitting) {
    const root = await openSlot(slot, running.sources);
    if (root !== undefined) return { slot, root };
  }
  throw closed(
    file,
    `the manifest is the right one, so the platform's secret (${kinds}) is another one, or the slot was changed; start on the machine or with the state that the root was made with`,
  );
}

function admits(slot: Keyslot, manifest: Running['manifest']): boolean {
  switch (slot.upgradePolicy) {
    case 'pinned':
      return slot.manifestDigest === manifest.digest && slot.manifestNumber === manifest.number;
  }
}

function closed(file: string, why: string): UsageError {
  return new UsageError('keys.slot-closed', `the key slots in ${file} do not open: ${why}. No new root was made`);
}
