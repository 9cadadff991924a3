/**
 * Whether one manifest may have the root of another: of one application, never back, and by a release.
 *
 * @module
 */
import { normalUpgrade, type Release, type UpgradePolicy, UsageError } from '@vitrine/documents';
import { readRelease, requireRelease } from '../app-root/release.ts';
import type { NamedManifest } from './judge-peer.ts';
import { refuse } from './refusal.ts';

/** @throws UsageError `handover.application`. */
export function requireSameApplication(giver: NamedManifest, receiver: NamedManifest): void {
  if (giver.name === receiver.name) return;
  throw refuse(
    'handover.application',
    `the giver is of the application ${JSON.stringify(giver.name)}, and the receiver of ${JSON.stringify(receiver.name)}`,
  );
}

/** @throws UsageError `handover.number`. */
export function requireRisingNumber(giver: NamedManifest, receiver: NamedManifest): void {
  if (receiver.number < giver.number) {
    throw refuse(
      'handover.number',
      `the receiver's manifest has the number ${receiver.number}, and the giver's ${giver.number}; it never goes back`,
    );
  }
  if (receiver.number === giver.number && receiver.digest !== giver.digest) {
    throw refuse(
      'handover.number',
      `two manifests have the number ${giver.number}: ${giver.digest} and ${receiver.digest}; raise the number of the later one`,
    );
  }
}

interface ReleaseBetween {
  /** The check that refuses. */
  readonly check: 'handover.manifest' | 'handover.giver';
  readonly from: NamedManifest;
  readonly to: NamedManifest;
  /** Whose keys count. */
  readonly policy: UpgradePolicy | undefined;
  readonly release: Release | undefined;
}

/**
 * @returns The release where one is needed; `undefined` for equal manifests.
 * @throws UsageError with the code `check`.
 */
export async function judgeRelease({ check, from, to, policy, release }: ReleaseBetween): Promise<Release | undefined> {
  if (from.digest === to.digest) {
    if (release === undefined) return undefined;
    throw refuse(check, 'giver and receiver have the same manifest, so there is nothing to release; go without');
  }
  if (release === undefined) {
    throw refuse(check, `the manifests differ, so a signed release from ${from.digest} to ${to.digest} is needed`);
  }
  try {
    requireRelease(readRelease(release), { appId: from.name, from, to, policy: normalUpgrade(policy) });
  } catch (cause) {
    if (cause instanceof UsageError) throw refuse(check, cause.message);
    throw cause;
  }
  return release;
}
