/**
 * The former manifest of a release, from a file: what it says of release keys, delay and witnesses is the
 * policy that counts, and its digest is in the release, so nobody has to be believed.
 *
 * @module
 */
import {
  type Manifest,
  manifestDigest,
  manifestShape,
  parseDocument,
  parseEvidenceBundle,
  parseJsonFile,
  type Release,
  type UpgradePolicy,
  UsageError,
} from '@vitrine/documents';
import { readText } from '../inputs.ts';
import { named } from './release-file.ts';

/**
 * The policy of the manifest, or of the manifest in the evidence bundle, in `file`.
 *
 * @throws UsageError where it is not the manifest that `release` starts from.
 */
export async function formerPolicy(file: string, release: Release): Promise<UpgradePolicy> {
  const manifest = readManifest(file);
  const found = { manifest: await manifestDigest(manifest), number: manifest.number };
  const { from, name } = release;
  if (found.manifest !== from.manifest || found.number !== from.number || manifest.name !== name) {
    throw new UsageError(
      'release.manifest',
      `${file} has ${named(found)}, and the release starts from ${named(from)}; name the manifest that has the keys now, as "vitrine config show" printed it or as in evidence that "vitrine verify --save" kept`,
    );
  }
  return manifest.upgrade ?? { kind: 'pinned' };
}

/** The manifest, or the one in the evidence bundle, in `file`. Nothing is verified. */
export function readManifest(file: string): Manifest {
  const text = readText(file);
  const value = parseJsonFile(text, file);
  const isBundle = typeof value === 'object' && value !== null && '__cmwc_t' in value;
  return isBundle ? parseEvidenceBundle(text.trimEnd()).manifest : parseDocument(text, manifestShape, file);
}
