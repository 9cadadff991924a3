/**
 * Brings certificates and revocation lists for SEV-SNP reports from AMD's key distribution service.
 *
 * What it brings is as untrusted as what a file holds: the verifier authenticates all of it. So the
 * fetcher only has to be bounded in time, size and number of requests.
 *
 * VCEK Certificate and KDS Interface Specification (AMD 57230), "Key Distribution Service": a VCEK
 * by product, hardware id and the parts of its TCB version, authorities and root as PEM, the list as
 * DER. A VLEK is given by AMD to the cloud provider alone, so only what stands above it is fetched.
 *
 * @module
 */
import { fromHex } from '@vitrine/documents/evidence';
import { type BoundedRequest, type Fetch, getBytes, unavailable } from './bounded-fetch.ts';
import { RefusalError } from './refusal.ts';
import type { SnpPlatform } from './snp/platform.ts';
import { type SnpProduct, type TcbPart, tcbParts } from './snp/product.ts';
import { parsePemChain } from './x509/pem.ts';

export interface AmdKdsOptions {
  readonly fetch: Fetch;
  /** For all requests together, in milliseconds. */
  readonly timeoutMs: number;
  /** Another service of the same shape, such as a caching one; default AMD's own. */
  readonly service?: string;
}

/** Endorsements of one machine, in DER. */
export interface AmdEndorsements {
  readonly certificates: readonly Uint8Array<ArrayBuffer>[];
  readonly revocationLists: readonly Uint8Array<ArrayBuffer>[];
}

const SERVICE = 'https://kdsintf.amd.com';
/** Lists are the largest, some kB. */
const MAX_BYTES = 1 << 20;
/** Authority and root. */
const CHAIN_LENGTH = 2;

const PARAMETERS: Readonly<Record<TcbPart, string>> = {
  fmc: 'fmcSPL',
  bootloader: 'blSPL',
  tee: 'teeSPL',
  snp: 'snpSPL',
  microcode: 'ucodeSPL',
};

/** A fetcher whose rejections are VitrineErrors of code `endorsements.unavailable`. */
export function amdKds(options: AmdKdsOptions): (platform: SnpPlatform) => Promise<AmdEndorsements> {
  const service = options.service ?? SERVICE;
  return async (platform) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const request: BoundedRequest = { fetch: options.fetch, signal, maxBytes: MAX_BYTES };
    const leaf = platform.signer === 'vcek' ? await fetchLeaf(service, platform, request) : undefined;
    const product = leaf?.product ?? platform.products[0];
    if (product === undefined) throw unavailable(service, 'it is for no processor that the report may name');
    const base = `${service}/${platform.signer}/v1/${product}`;
    const [chain, list] = await Promise.all(
      [`${base}/cert_chain`, `${base}/crl`].map(async (url) => {
        const body = await getBytes(url, request);
        if (body === undefined) throw unavailable(url, 'it answered 404');
        return { url, body };
      }),
    );
    return {
      certificates: [
        ...(leaf === undefined ? [] : [leaf.certificate]),
        ...(chain === undefined ? [] : readChain(chain)),
      ],
      revocationLists: list === undefined ? [] : [list.body],
    };
  };
}

/**
 * Where the VCEK of a machine is.
 *
 * @param chipId - CHIP_ID, 64 bytes; of Turin's only the first eight are used.
 * @param tcb - REPORTED_TCB, 8 bytes.
 */
export function vcekUrl(service: string, product: SnpProduct, chipId: string, tcb: Uint8Array): string {
  const hardwareId = product === 'Turin' ? chipId.slice(0, 16) : chipId;
  const query = tcbParts(product, tcb).map(([part, value]) => `${PARAMETERS[part]}=${String(value).padStart(2, '0')}`);
  return `${service}/vcek/v1/${product}/${hardwareId}?${query.join('&')}`;
}

interface FetchedLeaf {
  readonly product: SnpProduct;
  readonly certificate: Uint8Array<ArrayBuffer>;
}

/** A report that does not name its processor is asked for under each product it may be of. */
async function fetchLeaf(service: string, platform: SnpPlatform, request: BoundedRequest): Promise<FetchedLeaf> {
  const tcb = fromHex(platform.reportedTcb);
  if (tcb?.length !== 8 || !/^[0-9a-f]{128}$/.test(platform.chipId) || /^0+$/.test(platform.chipId)) {
    throw unavailable(service, 'the report names no chip, so there is no VCEK to ask for');
  }
  for (const product of platform.products) {
    const certificate = await getBytes(vcekUrl(service, product, platform.chipId, tcb), request);
    if (certificate !== undefined) return { product, certificate };
  }
  throw unavailable(
    service,
    `it knows no VCEK of this chip and TCB version for ${platform.products.join(' or ') || 'any product'}`,
  );
}

function readChain({
  url,
  body,
}: {
  readonly url: string;
  readonly body: Uint8Array;
}): readonly Uint8Array<ArrayBuffer>[] {
  try {
    return parsePemChain(new TextDecoder('utf-8', { fatal: true }).decode(body), CHAIN_LENGTH, 'certificate chain');
  } catch (cause) {
    if (!(cause instanceof RefusalError || cause instanceof TypeError)) throw cause;
    throw unavailable(url, `its answer is not two certificates: ${cause.message}`, cause);
  }
}
