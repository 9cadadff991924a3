/**
 * What real platforms are measured by, over emulators and a TPM in software: evidence, roots, the first verified call,
 * hand-over and freshness anchors.
 *
 * @module
 */
import type { Installation } from '../packed.ts';
import { benchAnchors } from './platform-anchors.ts';
import { benchPlatformEvidence } from './platform-evidence.ts';
import { benchFirstCall } from './platform-first-call.ts';
import { benchHandover } from './platform-handover.ts';
import type { Figure } from './statistics.ts';

export async function benchPlatforms(installation: Installation): Promise<readonly Figure[]> {
  return [
    ...(await benchPlatformEvidence()),
    ...(await benchFirstCall(installation)),
    ...(await benchHandover()),
    ...(await benchAnchors()),
  ];
}
