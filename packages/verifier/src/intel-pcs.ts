/**
 * Brings DCAP collateral from Intel's provisioning certification service (PCS API v4).
 *
 * What it brings is as untrusted as what a file holds: the verifier authenticates all of it. So the
 * fetcher only has to be bounded in time and size, and to follow no redirects.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';
import { collateralFromPcs } from './dcap/collateral.ts';
import type { EndorsementFetcher } from './verify.ts';

/** The part of the Fetch API that is needed. */
export type Fetch = (
  url: string,
  init: { readonly redirect: 'error'; readonly signal: AbortSignal },
) => Promise<Response>;

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
export function intelPcs(options: IntelPcsOptions): EndorsementFetcher {
  const service = options.service ?? SERVICE;
  return async ({ fmspc, ca }) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const get = (url: string): Promise<Answer> => answerOf(options.fetch, url, signal);
    const [tcbInfo, qeIdentity, pckCrl, rootCrl] = await Promise.all([
      get(`${service}/tdx/certification/v4/tcb?fmspc=${fmspc}`),
      get(`${service}/tdx/certification/v4/qe/identity`),
      get(`${service}/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`),
      get(options.rootCrl ?? ROOT_CRL),
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

interface Answer {
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

async function answerOf(fetch: Fetch, url: string, signal: AbortSignal): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'error', signal });
    if (response.status === 200) return { url, headers: response.headers, body: await bodyOf(response, url) };
  } catch (cause) {
    if (cause instanceof VitrineError) throw cause;
    throw unavailable(url, signal.aborted ? 'no answer in time' : reasonOf(cause), cause);
  }
  await response.body?.cancel();
  throw unavailable(url, `it answered ${response.status}`);
}

async function bodyOf(response: Response, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > MAX_BYTES) throw unavailable(url, `its answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
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

/** Network stacks hide the reason one level down. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message : String(inner);
}

function unavailable(url: string, why: string, cause?: unknown): VitrineError {
  return new VitrineError('endorsements.unavailable', `${url}: ${why}`, cause === undefined ? undefined : { cause });
}
