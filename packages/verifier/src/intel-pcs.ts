/**
 * Brings DCAP collateral from Intel's provisioning certification service (PCS API v4).
 *
 * What it brings is as untrusted as what a file holds: the verifier authenticates all of it. So the
 * fetcher only has to be bounded in time and size, and to follow no redirects.
 *
 * @module
 */
import { type Answer, type BoundedRequest, type Fetch, get, unavailable } from './bounded-fetch.ts';
import { collateralFromPcs } from './dcap/collateral.ts';
import type { Endorsement } from './endorsement-file.ts';
import type { DcapPlatformHint } from './technology.ts';

export interface IntelPcsOptions {
  readonly fetch: Fetch;
  /** For all requests together, in milliseconds. */
  readonly timeoutMs: number;
  /** Another service of the same shape, such as a caching one; default Intel's own. */
  readonly service?: string;
  /** Where the root CRL is; default Intel's own. */
  readonly rootCrl?: string;
}

const SERVICE = 'https://api.trustedservices.intel.com';
const ROOT_CRL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der';
/** TCB info is the largest, about 6 kB. */
const MAX_BYTES = 1 << 20;

/** A fetcher for `VerifyOptions.fetchEndorsements`. Its rejections are VitrineErrors of code `endorsements.unavailable`. */
export function intelPcs(options: IntelPcsOptions): (platform: DcapPlatformHint) => Promise<readonly Endorsement[]> {
  const service = options.service ?? SERVICE;
  return async ({ technology, fmspc, ca }) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const request: BoundedRequest = { fetch: options.fetch, signal, maxBytes: MAX_BYTES };
    const [tcbInfo, qeIdentity, pckCrl, rootCrl] = await Promise.all([
      answer(`${service}/${technology}/certification/v4/tcb?fmspc=${fmspc}`, request),
      answer(`${service}/${technology}/certification/v4/qe/identity`, request),
      answer(`${service}/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`, request),
      answer(options.rootCrl ?? ROOT_CRL, request),
    ]);
    const collateral = collateralFromPcs({
      tcbInfo: textOf(tcbInfo),
      tcbInfoIssuerChain: chainOf(tcbInfo, 'TCB-Info-Issuer-Chain'),
      qeIdentity: textOf(qeIdentity),
      qeIdentityIssuerChain: chainOf(qeIdentity, 'SGX-Enclave-Identity-Issuer-Chain'),
      pckCrl: pckCrl.body,
      pckCrlIssuerChain: chainOf(pckCrl, 'SGX-PCK-CRL-Issuer-Chain'),
      rootCaCrl: rootCrl.body,
    });
    return [collateral];
  };
}

async function answer(url: string, request: BoundedRequest): Promise<Answer> {
  return (await get(url, request)) ?? Promise.reject(unavailable(url, 'it answered 404'));
}

function textOf({ url, body }: Answer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw unavailable(url, 'its answer is not UTF-8', cause);
  }
}

function chainOf({ url, headers }: Answer, name: string): string {
  const value = headers.get(name);
  if (value === null) throw unavailable(url, `its answer has no header ${name}`);
  try {
    return decodeURIComponent(value);
  } catch (cause) {
    throw unavailable(url, `its header ${name} is not percent-encoded`, cause);
  }
}
