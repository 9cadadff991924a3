/**
 * Brings endorsements from whichever vendor made the machine.
 *
 * @module
 */
import { amdKds } from './amd-kds.ts';
import type { Fetch } from './bounded-fetch.ts';
import { intelPcs } from './intel-pcs.ts';
import type { EndorsementFetcher } from './verify.ts';

export interface VendorOptions {
  readonly fetch: Fetch;
  /** For all requests about one machine together, in milliseconds. */
  readonly timeoutMs: number;
}

/** A fetcher for `VerifyOptions.fetchEndorsements` that asks Intel about Intel's machines and AMD about AMD's. */
export function vendorEndorsements(options: VendorOptions): EndorsementFetcher {
  const intel = intelPcs(options);
  const amd = amdKds(options);
  return async (platform) => {
    if (platform.technology !== 'snp') return intel(platform);
    const { certificates, revocationLists } = await amd(platform);
    return [
      ...certificates.map((certificate) => ({ certificate })),
      ...revocationLists.map((revocationList) => ({ revocationList })),
    ];
  };
}
