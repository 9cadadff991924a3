/**
 * Whether a release lets the running manifest have a root that is wrapped for another one. What decides is
 * the upgrade policy in the slot, never the one of the manifest that wants in.
 *
 * Signatures are judged strictly (RFC 8032 without the tolerance of ZIP 215), so that nobody can count one
 * of them under two keys. There is no delay and no witness.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  fromBase64Url,
  fromHex,
  type Release,
  releaseShape,
  releaseSigned,
  showPath,
  type UpgradePolicy,
  UsageError,
} from '@vitrine/documents';

export interface NumberedManifest {
  /** SHA-384, lower-case hexadecimal. */
  readonly digest: string;
  readonly number: number;
}

/** What a release is asked to do. */
interface Upgrade {
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
  const keys = parsed.value.signatures.map(({ key }) => key);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw refused(`the key ${twice} has signed it twice`);
  return parsed.value;
}

/** Who has signed a release that {@link readRelease} has read. */
export function signersOf(release: Release): Signers {
  const signed = releaseSigned(release);
  const good: string[] = [];
  const bad: string[] = [];
  for (const { key, signature } of release.signatures) {
    const isGood = verifies(fromBase64Url(signature), signed, fromHex(key));
    (isGood ? good : bad).push(key);
  }
  return { good, bad };
}

function verifies(signature: Uint8Array | undefined, signed: Uint8Array, key: Uint8Array | undefined): boolean {
  if (signature === undefined || key === undefined) return false;
  try {
    return ed25519.verify(signature, signed, key, { zip215: false });
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
}

/**
 * Demands that `release` admits exactly this upgrade.
 *
 * @throws UsageError `keys.release-refused`, which says why.
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
