/**
 * What the key slots on this machine say, for the commands about releases. Nothing of it is authenticated
 * before a slot opens: it helps people, and is believed by nobody.
 *
 * @module
 */
import type { NumberedManifest, WrappedFor } from '@vitrine/keys';
import { userHome } from '../home.ts';
import { keysDirectory } from '../start-keyd.ts';
import type { Named } from './release-file.ts';

/** Where the key slots of the application are. */
export function slotsDirectory(name: string): string {
  return keysDirectory(userHome(), name);
}

/** `undefined` where there is no root. @throws UsageError where the slots cannot be read. */
export async function slotsOf(name: string): Promise<WrappedFor | undefined> {
  const { wrappedFor } = await import('@vitrine/keys');
  return wrappedFor(slotsDirectory(name));
}

/** As releases name manifests. */
export function numbered({ digest, number }: NumberedManifest): Named {
  return { manifest: digest, number };
}

/**
 * What to do before the running image is gone, where an upgrade of it would lose the root. Kinds have a shape
 * that lets letters, digits and hyphens through only.
 */
export function lossWarning({ sources }: WrappedFor): string | undefined {
  const kinds = sources.flatMap(({ kind, survivesUpgrade }) => (survivesUpgrade ? [] : [kind]));
  if (kinds.length === 0) return undefined;
  return `the root of keys here is wrapped under ${kinds.join(' and ')}, whose secret does not survive an upgrade:
before the next image starts, hand the root over while both run, or start the
present one with --root OTHER --root-from ${kinds.join(' --root-from ')}`;
}
