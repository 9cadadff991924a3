/**
 * Whether a release lets the running manifest have a root that is wrapped for another one. What decides is
 * the upgrade policy in the slot, never the one of the manifest that wants in.
 *
 * Where that policy has a delay and witnesses, they have to say that it has passed. A delay without witnesses
 * is enforced by nobody, and admits at once.
 *
 * @module
 */
import {
  describeDelay,
  type Release,
  type ReleaseMeasurement,
  releaseShape,
  releaseSigned,
  showPath,
  type UpgradePolicy,
  UsageError,
} from '@vitrine/documents';
import { verifies } from './signature.ts';
import { enforcedDelay, type WitnessStanding, witnessStandings } from './witnesses.ts';

export interface NumberedManifest {
  /** SHA-384, lower-case hexadecimal. */
  readonly digest: string;
  readonly number: number;
}

/** What a release is asked to do. */
export interface Upgrade {
  readonly appId: string;
  /** What the root is wrapped for. */
  readonly from: NumberedManifest;
  readonly to: NumberedManifest;
  /** As the slot has it. */
  readonly policy: UpgradePolicy;
}

export interface Signers {
  /** Keys with a signature that verifies. */
  readonly good: readonly string[];
  /** Keys with one that does not. */
  readonly bad: readonly string[];
}

/**
 * Reads a release, whatever it admits.
 *
 * @throws UsageError `keys.release-refused`.
 */
export function readRelease(document: unknown): Release {
  const parsed = releaseShape.parse(document);
  if (!parsed.ok) {
    const [issue] = parsed.issues;
    throw refused(`it is none: ${showPath(issue?.path ?? []) || '(top level)'}: ${issue?.message ?? 'malformed'}`);
  }
  const { signatures, witnessed = [] } = parsed.value;
  const twice = repeated(signatures);
  if (twice !== undefined) throw refused(`the key ${twice} has signed it twice`);
  const again = repeated(witnessed);
  if (again !== undefined) throw refused(`the witness ${again} has two statements in it`);
  return parsed.value;
}

function repeated(entries: readonly { readonly key: string }[]): string | undefined {
  const keys = entries.map(({ key }) => key);
  return keys.find((key, index) => keys.indexOf(key) !== index);
}

/** Who has signed a release that {@link readRelease} has read. */
export function signersOf(release: Release): Signers {
  const signed = releaseSigned(release);
  const good: string[] = [];
  const bad: string[] = [];
  for (const { key, signature } of release.signatures) {
    (verifies(signature, signed, key) ? good : bad).push(key);
  }
  return { good, bad };
}

/**
 * Demands that `release` admits exactly this upgrade. {@link admittedMeasurements} then says for which images.
 *
 * @throws UsageError `keys.release-refused`, which says why; `keys.release-early` where nothing is missing but
 *   the word of the witnesses that the delay has passed.
 */
export function requireRelease(release: Release, { appId, from, to, policy }: Upgrade): void {
  if (policy.kind === 'pinned') {
    throw refused(`the root is wrapped for ${show(from)} with upgrade: pinned, which no release opens`);
  }
  if (release.name !== appId) {
    throw refused(`it is for the application ${JSON.stringify(release.name)}, not ${JSON.stringify(appId)}`);
  }
  requireNamed('from', release.from, from, 'the root is wrapped for');
  requireNamed('to', release.to, to, 'running is');
  if (to.number <= from.number) {
    throw refused(`the number has to rise, and goes from ${from.number} to ${to.number}; raise "number"`);
  }
  const { good, bad } = signersOf(release);
  const wrong = bad.find((key) => policy.keys.includes(key));
  if (wrong !== undefined) throw refused(`the signature of ${wrong} does not verify`);
  const counted = policy.keys.filter((key) => good.includes(key));
  if (counted.length < policy.threshold) {
    const others = good.length - counted.length;
    const uncounted = others === 0 ? '' : `; ${others} more by keys that are not listed do not count`;
    throw refused(
      `${counted.length} of ${policy.keys.length} listed keys have signed it, and ${policy.threshold} have to${uncounted}; sign it with "vitrine release sign FILE --owner-key KEY"`,
    );
  }
  requireDelay(release, policy);
}

function requireDelay(release: Release, policy: UpgradePolicy): void {
  const delay = enforcedDelay(policy);
  if (delay === undefined) return;
  const { minDelay, witnesses } = delay;
  const standings = witnessStandings(release, delay);
  for (const standing of standings) {
    if (standing.state === 'invalid') throw refused(`the statement of the witness ${standing.key}: ${standing.why}`);
  }
  const passed = standings.filter(({ state }) => state === 'passed').length;
  if (passed >= witnesses.threshold) return;
  const missing = standings.flatMap((standing) => (standing.state === 'passed' ? [] : [awaited(standing)]));
  throw new UsageError(
    'keys.release-early',
    `the release is early: ${passed} of ${witnesses.keys.length} witnesses say that ${describeDelay(minDelay)} have passed since they saw it, and ${witnesses.threshold} have to; ${missing.join('; ')}. A witness says so with "vitrine release witness", run then once more`,
  );
}

function awaited(standing: WitnessStanding): string {
  if (standing.state === 'waiting' || standing.state === 'passed')
    return `${standing.key} saw it at ${standing.firstSeen}, so by its clock from ${standing.ends} on`;
  return `${standing.key} has not stated that it saw it`;
}

/**
 * The images that the next manifest may run in, of a release that {@link requireRelease} has admitted: all
 * registers of one entry have to be as named. `undefined` where the release does not say; that is no
 * permission for any image, but leaves it at what was demanded of the former one.
 */
export function admittedMeasurements(release: Release): readonly ReleaseMeasurement[] | undefined {
  return release.to.measurements;
}

/**
 * Demands that a release that is not needed any more is the one that led to the running manifest.
 *
 * @throws UsageError `keys.release-refused`.
 */
export function requireDone(release: Release, appId: string, running: NumberedManifest): void {
  if (release.name !== appId) {
    throw refused(`it is for the application ${JSON.stringify(release.name)}, not ${JSON.stringify(appId)}`);
  }
  requireNamed('to', release.to, running, 'running is');
}

export function refused(why: string): UsageError {
  return new UsageError('keys.release-refused', `the release is refused: ${why}`);
}

export function show({ digest, number }: NumberedManifest): string {
  return `the manifest with number ${number} and digest ${digest}`;
}

function requireNamed(member: 'from' | 'to', named: Release['from'], actual: NumberedManifest, actually: string): void {
  if (named.manifest === actual.digest && named.number === actual.number) return;
  throw refused(
    `it goes ${member} ${show({ digest: named.manifest, number: named.number })}, and ${actually} ${show(actual)}; make it with "vitrine release make"`,
  );
}
