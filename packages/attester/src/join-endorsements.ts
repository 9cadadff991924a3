/**
 * Endorsements of several origins as one document.
 *
 * @module
 */
import type { Endorsements } from '@vitrine/documents';

/** Both together, each text once; `undefined` where there are none. */
export function joinEndorsements(
  one: Endorsements | undefined,
  other: Endorsements | undefined,
): Endorsements | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const dcap = [...(one.dcap ?? []), ...(other.dcap ?? [])];
  const certificates = [...new Set([...(one.certificates ?? []), ...(other.certificates ?? [])])];
  const revocationLists = [...new Set([...(one.revocationLists ?? []), ...(other.revocationLists ?? [])])];
  return {
    type: 'vitrine/endorsements/v1',
    ...(dcap.length === 0 ? {} : { dcap }),
    ...(certificates.length === 0 ? {} : { certificates }),
    ...(revocationLists.length === 0 ? {} : { revocationLists }),
  };
}
