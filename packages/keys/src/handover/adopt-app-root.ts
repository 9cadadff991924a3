/**
 * Key slots for a root that another enclave has handed over. They are made as at a genesis, never over others, and
 * are opened as after any restart.
 *
 * @module
 */
import { normalUpgrade, UsageError } from '@vitrine/documents';
import { type AppRootOptions, appRootId, checkedManifest, checkSources, makeSlot } from '../app-root/app-root.ts';
import { formatKeyslots } from '../app-root/keyslot-document.ts';
import { type KeyslotFile, keyslotFile } from '../app-root/keyslot-file.ts';

/** Of the manifest that runs here. */
export type AdoptOptions = Pick<
  AppRootOptions,
  'directory' | 'appId' | 'manifestDigest' | 'manifestNumber' | 'upgrade' | 'sources' | 'randomBytes'
>;

/**
 * Wraps `root`, 32 bytes that the caller overwrites.
 *
 * @returns Its identifier.
 * @throws UsageError `keys.root-exists` where there are key slots.
 */
export async function adoptAppRoot(options: AdoptOptions, root: Uint8Array): Promise<string> {
  const { appId, sources, randomBytes } = options;
  const manifest = checkedManifest({
    digest: options.manifestDigest,
    number: options.manifestNumber,
    upgrade: normalUpgrade(options.upgrade),
  });
  checkSources(sources);
  const file = keyslotFile(options.directory);
  const id = appRootId(root);
  const slot = await makeSlot(root, id, appId, manifest, sources, randomBytes);
  if (!(await file.create(formatKeyslots([slot])))) throw isThere(file);
  return id;
}

/** @throws UsageError `keys.root-exists` where there are key slots, before a root is asked for that could not be kept. */
export async function requireNoAppRoot(directory: string): Promise<void> {
  const file = keyslotFile(directory);
  if ((await file.read()) !== undefined) throw isThere(file);
}

function isThere(file: KeyslotFile): UsageError {
  return new UsageError(
    'keys.root-exists',
    `${file.path} is there already, and a root that is handed over replaces none; start without --handover-from`,
  );
}
