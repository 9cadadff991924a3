/**
 * `vitrine release`: what a publisher says under signatures. Makes, signs, witnesses and shows the document that
 * hands an application's root to its next manifest; makes, signs and shows the list of what must not be used any
 * more.
 *
 * Whether a release counts is decided by the key service when the root is opened, by the policy in its slot; whether
 * a list counts, by each user.
 *
 * @module
 */
import { nearest, UsageError } from '@vitrine/documents';
import { refuseFlags } from '../action-flags.ts';
import { parseArguments } from '../command.ts';
import { denyInList } from '../release/deny.ts';
import { isDenyList } from '../release/deny-list-file.ts';
import { makeRelease } from '../release/make-release.ts';
import { showDenyList } from '../release/show-deny-list.ts';
import { showRelease } from '../release/show-release.ts';
import { signRelease } from '../release/sign-release.ts';
import { witnessRelease } from '../release/witness-release.ts';
import { releaseSpec } from '../specs/release.ts';

const ACTIONS = ['make', 'deny', 'sign', 'witness', 'show'] as const;
type Action = (typeof ACTIONS)[number];

/** Each flag but --json, and whose it is; a mistake with the others. */
const FLAGS = {
  config: ['make'],
  from: ['make'],
  measurement: ['make', 'deny'],
  name: ['deny'],
  below: ['deny'],
  minimum: ['deny'],
  reason: ['deny'],
  'owner-key': ['sign', 'witness', 'deny'],
  log: ['witness'],
  manifest: ['witness', 'show', 'deny'],
} as const satisfies Readonly<Record<string, readonly Action[]>>;

const EXPECTED: Readonly<Record<Action, string>> = {
  make: 'the file of the release to make',
  deny: 'the file of the deny-list',
  sign: 'the file of the release, or of the deny-list',
  witness: 'the file of the release',
  show: 'the file of the release, or of the deny-list',
};

export async function runRelease(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, releaseSpec.options);
  const [given, file, extra] = positionals;
  if (rest !== undefined || extra !== undefined)
    throw new UsageError('usage.extra', 'unexpected argument: expected an action and one file');
  const action = ACTIONS.find((one) => one === given);
  if (action === undefined) throw unknownAction(given);
  if (file === undefined) {
    throw new UsageError('usage.missing', `expected ${EXPECTED[action]}`);
  }
  for (const [flag, owners] of Object.entries<readonly Action[]>(FLAGS)) {
    if (!owners.includes(action))
      refuseFlags(values, [flag], `vitrine release ${owners.join('" or "vitrine release ')}`);
  }
  if (action === 'make') return makeRelease(file, values);
  if (action === 'deny') return denyInList(file, values);
  if (action === 'sign') return signRelease(file, values);
  const { manifest, ...others } = values;
  const further = { ...others, ...oneManifest(manifest) };
  if (action === 'witness') return witnessRelease(file, further);
  if (!isDenyList(file)) return showRelease(file, further);
  if (manifest === undefined) return showDenyList(file, values.json);
  throw new UsageError('usage.flag', `--manifest is for a release, and ${file} is a deny-list`);
}

/** Only deny-lists take several. */
function oneManifest([manifest, ...more]: readonly string[] = []): { readonly manifest?: string } {
  if (more.length > 0) throw new UsageError('usage.flag', `--manifest is given ${more.length + 1} times`);
  return manifest === undefined ? {} : { manifest };
}

function unknownAction(given: string | undefined): UsageError {
  const near = given === undefined ? undefined : nearest(given, ACTIONS);
  const found = given === undefined ? '' : `, found ${JSON.stringify(given)}`;
  const hint = near === undefined ? '' : `; did you mean "${near}"?`;
  return new UsageError('usage.action', `expected make, deny, sign, witness or show${found}${hint}`);
}
