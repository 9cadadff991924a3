/**
 * Appraisal of an authenticated Nitro document against a policy: mode, measurements, machine, age.
 *
 * It does no I/O and reads no clock, so a stored result can be recomputed by anyone from the same
 * inputs. Which registers mean what: AWS Nitro Enclaves User Guide, "Enclave measurements".
 *
 * @module
 */
import type { Authenticated } from '../authenticated.ts';
import type { Difference } from '../refusal.ts';
import type { Check } from '../result.ts';
import type { NitroClaims } from './authenticate.ts';
import type { NitroDocument } from './parse.ts';
import type { NitroPolicy } from './policy.ts';

export const APPRAISAL_CHECKS = ['nitro.debug', 'nitro.pcrs', 'nitro.platform', 'nitro.freshness'] as const;

type CheckId = (typeof APPRAISAL_CHECKS)[number];

const NO_MEASUREMENT = '00'.repeat(48);
/** Image, kernel and boot file system, application. PCR3 and PCR4 are measured in debug mode too. */
const DEBUG_PCRS = [0, 1, 2];

/** Appraises authenticated claims for the time `now`; one check per id of {@link APPRAISAL_CHECKS}, in this order. */
export function appraiseNitro(
  { document, anchor }: Authenticated<NitroClaims>,
  policy: NitroPolicy,
  now: Date,
): readonly Check[] {
  return [
    debugCheck(document, policy),
    pcrsCheck(document, policy),
    platformCheck(document, policy),
    freshnessCheck(document, policy, now),
  ].map((check): Check => ({ ...check, anchor: anchor.name }));
}

function debugCheck({ pcrs }: NitroDocument, policy: NitroPolicy): Check {
  const debug = DEBUG_PCRS.every((index) => pcrs.get(index) === NO_MEASUREMENT);
  const difference = {
    expected: 'PCR0 to PCR2 not all zero',
    actual: debug ? 'PCR0 to PCR2 all zero' : 'PCR0 to PCR2 not all zero',
  };
  if (policy.debug === 'any') {
    return result('nitro.debug', 'waived', 'The policy accepts an enclave that its instance may debug.', difference);
  }
  return debug
    ? result(
        'nitro.debug',
        'failed',
        'The enclave runs in debug mode: its console is readable from outside, and its code is not measured.',
        difference,
      )
    : result('nitro.debug', 'passed', 'The enclave does not run in debug mode.', difference);
}

function pcrsCheck({ pcrs }: NitroDocument, policy: NitroPolicy): Check {
  if (policy.pcrs === 'any') return result('nitro.pcrs', 'waived', 'The policy pins no register.');
  const pins = Object.entries(policy.pcrs).map(([name, accepted]) => ({
    name,
    accepted,
    actual: pcrs.get(Number(name.slice('pcr'.length))),
  }));
  const bad = pins.find(({ accepted, actual }) => actual === undefined || !accepted.includes(actual));
  if (bad === undefined) return result('nitro.pcrs', 'passed', 'Every pinned register has an accepted value.');
  return result('nitro.pcrs', 'failed', `Register ${bad.name} has none of the values that the policy accepts.`, {
    expected: `${bad.name} = ${bad.accepted.join(' or ')}`,
    actual: bad.actual ?? 'not in the document',
  });
}

function platformCheck({ moduleId }: NitroDocument, { platforms }: NitroPolicy): Check {
  const actual = moduleId;
  if (platforms === 'any') {
    return result('nitro.platform', 'waived', 'An enclave of any instance, of any customer of AWS, is accepted.', {
      actual,
    });
  }
  if (platforms === 'listed') {
    return result('nitro.platform', 'unavailable', 'The policy demands a list of instances and has none.', { actual });
  }
  const [instance = moduleId] = moduleId.split('-enc');
  const difference = { expected: platforms.join(' or '), actual };
  return platforms.some((one) => one === moduleId || one === instance)
    ? result('nitro.platform', 'passed', 'This enclave is of an instance that the policy lists.', difference)
    : result('nitro.platform', 'failed', 'This enclave is of no instance that the policy lists.', difference);
}

function freshnessCheck({ timestamp }: NitroDocument, { maximumAgeSeconds }: NitroPolicy, now: Date): Check {
  if (maximumAgeSeconds === 'any') {
    return result('nitro.freshness', 'waived', 'The policy accepts a document of any age.', {
      actual: timestamp.toISOString(),
    });
  }
  const difference = {
    expected: `within ${maximumAgeSeconds} s of ${now.toISOString()}`,
    actual: timestamp.toISOString(),
  };
  return Math.abs(now.getTime() - timestamp.getTime()) <= maximumAgeSeconds * 1000
    ? result('nitro.freshness', 'passed', 'The document was made near the time to judge for.', difference)
    : result(
        'nitro.freshness',
        'failed',
        'The document was not made near the time to judge for: ask for a fresh one, or judge for its own time.',
        difference,
      );
}

function result(id: CheckId, status: Check['status'], message: string, difference: Difference = {}): Check {
  return { id, status, ...difference, message };
}
