/**
 * What the root in a directory is wrapped for, as the file says it: nothing of it is authenticated before a
 * slot opens. Good for making a release, and for nothing that has to be believed.
 *
 * @module
 */
import type { RootSource, UpgradePolicy } from '@vitrine/documents';
import { parseKeyslots } from './keyslot-document.ts';
import { keyslotFile } from './keyslot-file.ts';
import type { NumberedManifest } from './release.ts';

export interface WrappedFor {
  readonly manifest: NumberedManifest;
  readonly upgrade: UpgradePolicy;
  /** What the root is wrapped under; one whose secret does not survive an upgrade loses the root by it. */
  readonly sources: readonly RootSource[];
}

/**
 * The manifest with the highest number; `undefined` where there is no root.
 *
 * @throws UsageError where the file cannot be read.
 */
export async function wrappedFor(directory: string): Promise<WrappedFor | undefined> {
  const file = keyslotFile(directory);
  const text = await file.read();
  if (text === undefined) return undefined;
  const [highest] = parseKeyslots(text, file.path).toSorted((a, b) => b.manifestNumber - a.manifestNumber);
  if (highest === undefined) return undefined;
  return {
    manifest: { digest: highest.manifestDigest, number: highest.manifestNumber },
    upgrade: highest.upgrade,
    sources: highest.sources,
  };
}
