/**
 * Who can change the code of a server that was admitted, or have its keys, in a line or two for people.
 *
 * @module
 */
import { describeCopies, describeDerivable, describeUpgrade } from '@vitrine/documents';
import type { AttestationResult } from '@vitrine/verifier';

/** Nothing for a server without anything that lasts: a change of its code leaves nothing to take over. */
export function authorityLines({ claims }: Pick<AttestationResult, 'claims'>): readonly string[] {
  const { manifest, appRoot } = claims ?? {};
  if (manifest === undefined || appRoot === undefined) return [];
  return [
    `who can change code and keep the keys: ${describeUpgrade(manifest.upgrade)}`,
    `who else can derive the keys: ${describeDerivable(appRoot)}; copies: ${describeCopies(appRoot)}`,
  ];
}
