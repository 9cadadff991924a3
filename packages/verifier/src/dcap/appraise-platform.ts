/**
 * Appraisal of which machine it is, by the names that Intel certifies in the PCK certificate.
 *
 * @module
 */
import type { Check } from '../result.ts';
import type { DcapClaims, DcapTechnology } from './authenticate.ts';
import { failed, passed, waived } from './findings.ts';
import type { FirmwarePolicy } from './policy.ts';

/** Check `<technology>.platform`. */
export function appraisePlatform(
  technology: DcapTechnology,
  { pck }: DcapClaims,
  { platforms }: Pick<FirmwarePolicy, 'platforms'>,
): Check {
  const id = `${technology}.platform`;
  const ids = [pck.ppid, ...(pck.platformInstanceId === undefined ? [] : [pck.platformInstanceId])];
  const actual = ids.join(' or ');
  if (platforms === 'any') {
    return waived(
      id,
      'Any machine of this vendor is accepted: one that was broken anywhere could stand in for this one.',
      { actual },
    );
  }
  if (platforms === 'listed') {
    return { id, status: 'unavailable', actual, message: 'The policy demands a list of machines and has none.' };
  }
  const difference = { expected: platforms.join(' or '), actual };
  return ids.some((one) => platforms.includes(one))
    ? passed(id, 'This machine is one that the policy lists.', difference)
    : failed(id, 'This machine is none that the policy lists.', difference);
}
