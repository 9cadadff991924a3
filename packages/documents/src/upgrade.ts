/**
 * Who can let another manifest have what lasts of an application: its derived keys, its sealed store, its
 * encrypted files.
 *
 * `pinned`: nobody. `signed`: whoever holds `threshold` of the release keys, by a release document. With
 * `minDelay`, not before that time after `witnesses` have seen the release; where no witnesses are named, nobody
 * can tell how long ago it was made, so the delay is a promise that nothing enforces.
 *
 * The policy that counts is that of the manifest that has the keys. So a release may shorten the delay, and the
 * shorter one counts for the release after it: the longer one has delayed the shortening.
 *
 * @module
 */
import { hex, type Infer, type Issue, integer, list, object, oneOf, optional, type Shape, tagged } from './shape.ts';

/** Every key slot carries them, and a file of slots has a limit of its own. */
const MAX_KEYS = 32;
/** Ten years in seconds: what is longer was meant in milliseconds, and would never end. */
const MAX_DELAY = 315_360_000;

const written = tagged('kind', {
  pinned: object({ kind: oneOf('pinned') }),
  signed: object({
    kind: oneOf('signed'),
    /** Ed25519 public keys, each once. */
    keys: list(hex(32)),
    /** How many of them have to sign. */
    threshold: integer(1),
    /** Seconds between the day when a release is seen by the witnesses and the day when it admits anything. */
    minDelay: optional(integer(1)),
    /** Who says when a release was first seen, and what time it is now. */
    witnesses: optional(object({ keys: list(hex(32)), threshold: integer(1) })),
  }),
});

export type UpgradePolicy = Infer<typeof written>;

/** Beyond its parts: each key once, and a threshold that can be reached. */
export const upgradeShape: Shape<UpgradePolicy> = {
  schema: written.schema,
  parse: (value, path = []) => {
    const parsed = written.parse(value, path);
    if (!parsed.ok || parsed.value.kind === 'pinned') return parsed;
    const { keys, witnesses, minDelay } = parsed.value;
    const issues: Issue[] = [
      ...thresholdIssues(parsed.value, path),
      ...(witnesses === undefined ? [] : thresholdIssues(witnesses, [...path, 'witnesses'])),
    ];
    if (witnesses !== undefined && minDelay === undefined)
      issues.push({ path: [...path, 'witnesses'], message: 'there is no minDelay that they could enforce' });
    for (const [index, key] of witnesses?.keys.entries() ?? []) {
      if (!keys.includes(key)) continue;
      const message = `the key ${key} is a release key, and whoever signs a release cannot say when it was seen`;
      issues.push({ path: [...path, 'witnesses', 'keys', index], message });
    }
    if (minDelay !== undefined && minDelay > MAX_DELAY) {
      const message = `expected at most ${MAX_DELAY} seconds (ten years), found ${minDelay}`;
      issues.push({ path: [...path, 'minDelay'], message });
    }
    return issues.length > 0 ? { ok: false, issues } : parsed;
  },
};

function thresholdIssues(
  { keys, threshold }: { readonly keys: readonly string[]; readonly threshold: number },
  path: readonly (string | number)[],
): readonly Issue[] {
  const issues: Issue[] = keys.flatMap((key, index) =>
    keys.indexOf(key) === index
      ? []
      : [{ path: [...path, 'keys', index], message: `the key ${key} is there twice, and counts once` }],
  );
  if (keys.length > MAX_KEYS)
    issues.push({ path: [...path, 'keys'], message: `expected at most ${MAX_KEYS} keys, found ${keys.length}` });
  if (threshold > keys.length) {
    issues.push({
      path: [...path, 'threshold'],
      message: `expected at most ${keys.length}, the number of keys, found ${threshold}`,
    });
  }
  return issues;
}

/** The policy as it is compared and stored: always there, keys in their order. */
export function normalUpgrade(policy: UpgradePolicy | undefined): UpgradePolicy {
  if (policy === undefined || policy.kind === 'pinned') return { kind: 'pinned' };
  const { keys, threshold, minDelay, witnesses } = policy;
  return {
    kind: 'signed',
    keys: keys.toSorted(),
    threshold,
    ...(minDelay === undefined ? {} : { minDelay }),
    ...(witnesses === undefined
      ? {}
      : { witnesses: { keys: witnesses.keys.toSorted(), threshold: witnesses.threshold } }),
  };
}

/**
 * Who can change what runs, and after which delay, for people: one sentence without a full stop. Keys are not in
 * it.
 *
 * @param policy - Of the manifest that has the keys. Absent: `pinned`.
 */
export function describeUpgrade(policy: UpgradePolicy | undefined): string {
  if (policy === undefined || policy.kind === 'pinned') return 'nobody: another configuration has another root';
  const { keys, threshold, minDelay, witnesses } = policy;
  const who = `${threshold} of ${keys.length} release keys`;
  if (minDelay === undefined) return `${who}, without delay`;
  const delay = describeDelay(minDelay);
  if (witnesses === undefined) return `${who}; the delay of ${delay} is not enforced, since it names no witnesses`;
  return `${who}, ${delay} after ${witnesses.threshold} of ${witnesses.keys.length} witnesses have seen the release`;
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** Exact, in the largest unit that divides it: `7 days`, `36 hours`. */
export function describeDelay(seconds: number): string {
  const [unit, size] = UNITS.find(([, one]) => seconds % one === 0) ?? (['second', 1] as const);
  return `${seconds / size} ${unit}${seconds === size ? '' : 's'}`;
}
