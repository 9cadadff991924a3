/**
 * `vitrine release`: makes, signs, witnesses and shows the document that hands an application's root to its next
 * manifest.
 *
 * Whether a release counts is decided by the key service when the root is opened, by the policy in its slot.
 *
 * @module
 */
import { nearest, UsageError } from '@vitrine/documents';
import { refuseFlags } from '../action-flags.ts';
import { parseArguments } from '../command.ts';
import { makeRelease } from '../release/make-release.ts';
import { showRelease } from '../release/show-release.ts';
import { signRelease } from '../release/sign-release.ts';
import { witnessRelease } from '../release/witness-release.ts';
import { releaseSpec } from '../specs/release.ts';

const ACTIONS = ['make', 'sign', 'witness', 'show'] as const;
type Action = (typeof ACTIONS)[number];

/** Each flag but --json, and whose it is; a mistake with the others. */
const FLAGS = {
  config: ['make'],
  from: ['make'],
  measurement: ['make'],
  'owner-key': ['sign', 'witness'],
  log: ['witness'],
  manifest: ['witness', 'show'],
} as const satisfies Readonly<Record<string, readonly Action[]>>;

export async function runRelease(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, releaseSpec.options);
  const [given, file, extra] = positionals;
  if (rest !== undefined || extra !== undefined)
    throw new UsageError('usage.extra', 'unexpected argument: expected an action and one file');
  const action = ACTIONS.find((one) => one === given);
  if (action === undefined) throw unknownAction(given);
  if (file === undefined) {
    throw new UsageError('usage.missing', `expected the file of the release${action === 'make' ? ' to make' : ''}`);
  }
  for (const [flag, owners] of Object.entries<readonly Action[]>(FLAGS)) {
    if (!owners.includes(action))
      refuseFlags(values, [flag], `vitrine release ${owners.join('" or "vitrine release ')}`);
  }
  if (action === 'make') return makeRelease(file, values);
  if (action === 'sign') return signRelease(file, values);
  return action === 'witness' ? witnessRelease(file, values) : showRelease(file, values);
}

function unknownAction(given: string | undefined): UsageError {
  const near = given === undefined ? undefined : nearest(given, ACTIONS);
  const found = given === undefined ? '' : `, found ${JSON.stringify(given)}`;
  const hint = near === undefined ? '' : `; did you mean "${near}"?`;
  return new UsageError('usage.action', `expected make, sign, witness or show${found}${hint}`);
}
