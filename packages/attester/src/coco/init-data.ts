/**
 * Whether the init-data at hand is what the pod was started with: its digest stands in a field of the evidence that
 * the host set at launch and the hardware signs, MRCONFIGID on TDX (48 bytes) and HOST_DATA on SEV-SNP (32).
 *
 * @module
 */
import { manifestDigest as digestOf, sameBytes, toHex, UsageError, VitrineError } from '@vitrine/documents';
import { carriedInitDataDigest, initDataDigest, parseInitData } from '@vitrine/documents/launch';

const TDX_HEADER_BYTES = 48;
const TDX_DESCRIPTOR_BYTES = 6;
const MRCONFIGID = 184;
const HOST_DATA = 0xc0;

/**
 * @param evidence - A TDX quote of version 4 or 5, or an SEV-SNP report.
 * @throws VitrineError `attester.hardware` where the evidence has another digest; LaunchError for init-data that names
 *   no algorithm.
 */
export async function requireInitData(
  technology: 'tdx' | 'snp',
  evidence: Uint8Array,
  initData: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const [name, start, length] =
    technology === 'snp'
      ? (['HOST_DATA', HOST_DATA, 32] as const)
      : (['MRCONFIGID', TDX_HEADER_BYTES + (evidence[0] === 5 ? TDX_DESCRIPTOR_BYTES : 0) + MRCONFIGID, 48] as const);
  const found = evidence.subarray(start, start + length);
  const expected = carriedInitDataDigest(await initDataDigest(initData), length);
  if (sameBytes(expected, found)) return;
  throw new VitrineError(
    'attester.hardware',
    `the pod was not started with this init-data: ${name} is ${toHex(found)}, and the init-data at hand gives ${toHex(expected)}; give the document that the pod's annotation has, byte for byte`,
  );
}

/**
 * At start: the init-data must carry the manifest that is about to be served, since it is how a verifier gets from the
 * evidence to the manifest.
 *
 * @param manifestDigest - SHA-384 of the manifest, hexadecimal.
 * @throws LaunchError for init-data of a form that no verifier reads; UsageError `attester.other-manifest`.
 */
export async function requireInitDataNames(initData: Uint8Array, manifestDigest: string): Promise<void> {
  const carried = await digestOf(parseInitData(initData).manifest);
  if (carried === manifestDigest) return;
  throw new UsageError(
    'attester.other-manifest',
    `the init-data of this pod carries the manifest ${carried}, and the manifest here has the digest ${manifestDigest}; deploy the pod with init-data that is made for this manifest, or start with the manifest that it carries`,
  );
}
