/**
 * Which slot opens for what is running, and if none does, what differs. The message names only what is
 * public anyway: manifests, release keys and kinds of sources.
 *
 * A slot for another manifest opens by a release alone, and only one with the highest number: a slot that a
 * crash left behind must not decide any more who may come next.
 *
 * @module
 */
import type { RootSecretSource } from '@vitrine/attester';
import { type Release, UsageError } from '@vitrine/documents';
import type { Keyslot } from './keyslot-document.ts';
import { type NumberedManifest, requireDone, requireRelease, show } from './release.ts';
import { openSlot } from './wrap.ts';

/** What asks for the root. */
export interface Running {
  readonly appId: string;
  readonly manifest: NumberedManifest;
  readonly sources: readonly RootSecretSource[];
  /** Under which the root may still be wrapped. */
  readonly formerSources?: readonly RootSecretSource[];
  /** Given with the start. */
  readonly release?: Release;
}

/** A slot that is open. */
interface FoundSlot {
  readonly slot: Keyslot;
  readonly root: Uint8Array<ArrayBuffer>;
  /** Those that opened it: the running ones, or the former ones. */
  readonly sources: readonly RootSecretSource[];
}

/**
 * Opens the newest slot that admits what is running. Where it is one for another manifest, a release has
 * admitted this one. There, and where former sources opened it, the root is to be re-wrapped.
 *
 * @throws UsageError `keys.manifest-older`, `keys.slot-closed`, `keys.release-missing` or
 *   `keys.release-refused`.
 */
export async function findSlot(slots: readonly Keyslot[], running: Running, file: string): Promise<FoundSlot> {
  const { manifest, sources, formerSources } = running;
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
  const own = ofApp.filter(
    (slot) => slot.manifestDigest === manifest.digest && slot.manifestNumber === manifest.number,
  );
  if (own.length > 0 && running.release !== undefined) requireDone(running.release, running.appId, manifest);
  const admitted =
    own.length > 0
      ? own
      : admittedByRelease(
          ofApp.filter(({ manifestNumber }) => manifestNumber === highest),
          running,
          file,
        );
  const tried = [sources, ...(formerSources === undefined ? [] : [formerSources])];
  const fitting = tried.flatMap((one) =>
    // A re-wrapping that did not end has left its new slot behind the old one.
    admitted.toReversed().flatMap((slot) => (kindsOf(slot) === kindsOfRunning(one) ? [{ slot, sources: one }] : [])),
  );
  if (fitting.length === 0) {
    const here = tried.map(kindsOfRunning).join(', formerly ');
    const needed = admitted.map(kindsOf).join(', or ');
    throw closed(
      file,
      `the platform differs: the root is wrapped under ${needed}, and here is ${here}; where both are, --root and --root-from wrap it anew`,
    );
  }
  for (const { slot, sources: one } of fitting) {
    const root = await openSlot(slot, one);
    if (root !== undefined) return { slot, root, sources: one };
  }
  const kinds = [...new Set(fitting.map(({ slot }) => kindsOf(slot)))].join(', or ');
  throw closed(
    file,
    `the manifest is the right one, so the platform's secret (${kinds}) is another one, or the slot was changed; ${whatNow(fitting.map(({ slot }) => slot))}`,
  );
}

/** The advice where secrets are others. */
function whatNow(slots: readonly Keyslot[]): string {
  const sources = slots.flatMap((slot) => slot.sources.filter(({ survivesUpgrade }) => !survivesUpgrade));
  if (sources.length === 0) return 'start on the machine or with the state that the root was made with';
  const kinds = [...new Set(sources.map(({ kind }) => kind))].join(' and ');
  return `the secret of ${kinds} does not survive an upgrade: start what ran before, and either hand the root over while both run, or first wrap it there under a source that survives, with --root and --root-from`;
}

function kindsOf({ sources }: Keyslot): string {
  return sources.map(({ kind }) => kind).join(' and ');
}

function kindsOfRunning(sources: readonly RootSecretSource[]): string {
  return sources.map(({ description }) => description.kind).join(' and ');
}

/** Slots for another manifest from which a release leads to the running one. */
function admittedByRelease(slots: readonly Keyslot[], running: Running, file: string): readonly Keyslot[] {
  const { appId, manifest, release } = running;
  const [first] = slots;
  if (first === undefined) throw new TypeError('a file of slots has those of one application only');
  const named = (slot: Keyslot): NumberedManifest => ({ digest: slot.manifestDigest, number: slot.manifestNumber });
  if (release !== undefined) {
    for (const slot of slots) requireRelease(release, { appId, from: named(slot), to: manifest, policy: slot.upgrade });
    return slots;
  }
  const differs = `the manifest differs: the root is wrapped for ${show(named(first))}, running is number ${manifest.number} with digest ${manifest.digest}`;
  if (first.upgrade.kind === 'pinned') {
    throw closed(file, `${differs}; its upgrade policy is pinned, so it opens for no other: run the former`);
  }
  const { keys, threshold } = first.upgrade;
  const raise = manifest.number > first.manifestNumber ? '' : 'raise "number", ';
  throw new UsageError(
    'keys.release-missing',
    `the key slots in ${file} do not open: ${differs}; to take the root there, ${raise}make a release with "vitrine release make", have it signed by ${threshold} of the ${keys.length} release keys, and start with --release FILE. No new root was made`,
  );
}

function closed(file: string, why: string): UsageError {
  return new UsageError('keys.slot-closed', `the key slots in ${file} do not open: ${why}. No new root was made`);
}
