/**
 * `vitrine add --mcpb FILE`: what is needed for a bundle, and its file.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises';
import { bridgeVersion, type Pin, pinReferenceValues } from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import type { AppraisalPolicy } from '@vitrine/verifier';
import { makeBundle } from './bundle.ts';

/**
 * The version that a bundle would start. Asked for before anything else is done.
 *
 * @throws UsageError where this Vitrine did not come from a registry: the bundle would have to name paths of this machine.
 */
export async function requireBundleVersion(file: string, packageDirectory?: string): Promise<string> {
  if (!file.endsWith('.mcpb'))
    throw new UsageError(
      'mcpb.name',
      `--mcpb: expected a file name that ends with ".mcpb", found ${JSON.stringify(file)}`,
    );
  const version = await bridgeVersion(packageDirectory);
  if (version !== undefined) return version;
  throw new UsageError(
    'mcpb.unpublished',
    'this Vitrine was not installed from a registry, so a bundle could not fetch the same bridge on another machine; nothing was done. --client edits a configuration of this machine',
  );
}

type ExactPin = Extract<Pin, { readonly mode: 'exact' }>;

export interface PinnedBundle {
  readonly file: string;
  readonly url: string;
  readonly name: string;
  readonly version: string;
  readonly policy: AppraisalPolicy;
  readonly pin: ExactPin;
}

/** The bytes of the bundle that accepts exactly what `pin` accepts. */
export function pinnedBundle({ url, name, version, policy, pin }: PinnedBundle): Uint8Array {
  if (pin.simulated) {
    throw new UsageError(
      'mcpb.simulated',
      'a simulator is known to this machine only, so a bundle for it would be refused everywhere; nothing was written',
    );
  }
  // When it was pinned is of this user, not of the server: equal servers give equal bundles.
  const referenceValues = { ...pinReferenceValues(pin), release: `manifest number ${pin.manifestNumber}` };
  return makeBundle({ url, name, version, policy, referenceValues });
}

/** @throws UsageError where there is a file already. */
export async function writeBundle(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(file, bytes, { flag: 'wx' });
  } catch (cause) {
    const exists = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new UsageError(
      'mcpb.unwritable',
      exists ? `${file} exists; it was not replaced` : `cannot write ${file}: ${(cause as Error).message}`,
      { cause },
    );
  }
}
