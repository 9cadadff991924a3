/**
 * A collateral service in the shape of Intel's provisioning certification service (PCS API v4), for
 * `node:http`: the same paths, parameters, headers and texts, so that a fetcher written for Intel's
 * works with a simulator's.
 *
 * `rootcacrl` is not Intel's own but that of its caching service (PCCS), which many deployments use.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodePem } from '@vitrine/attester';
import type { DcapCollateral } from '@vitrine/documents';

/** Whose collateral is served: a simulator, or a test's own. */
export interface CollateralService {
  /** The only FMSPC that it knows, hexadecimal of either case. */
  readonly fmspc: string;
  collateral(): DcapCollateral;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

type Route = (query: URLSearchParams, service: CollateralService) => Answer;

const routes: Readonly<Record<string, Route>> = {
  '/sgx/certification/v4/pckcrl': (query, service) => {
    const ca = query.get('ca');
    if (ca === 'processor') return failure(404, 'this service has a platform CA only');
    if (ca !== 'platform') return failure(400, 'ca must be platform or processor');
    const collateral = service.collateral();
    const headers = { 'SGX-PCK-CRL-Issuer-Chain': encodeURIComponent(collateral.pck_crl_issuer_chain) };
    return { ...crl(collateral.pck_crl, query.get('encoding') ?? 'pem'), headers };
  },
  '/sgx/certification/v4/rootcacrl': (query, service) =>
    crl(service.collateral().root_ca_crl, query.get('encoding') ?? 'hex'),
  '/IntelSGXRootCA.der': (_query, service) => crl(service.collateral().root_ca_crl, 'der'),
  '/tdx/certification/v4/tcb': (query, service) => {
    const fmspc = query.get('fmspc') ?? '';
    if (!/^[0-9a-fA-F]{12}$/.test(fmspc)) return failure(400, 'fmspc must be 12 hexadecimal digits');
    if (fmspc.toLowerCase() !== service.fmspc.toLowerCase()) return failure(404, 'no TCB info for this fmspc');
    const collateral = service.collateral();
    return signedText(
      'tcbInfo',
      collateral.tcb_info,
      collateral.tcb_info_signature,
      'TCB-Info-Issuer-Chain',
      collateral.tcb_info_issuer_chain,
    );
  },
  '/tdx/certification/v4/qe/identity': (_query, service) => {
    const collateral = service.collateral();
    return signedText(
      'enclaveIdentity',
      collateral.qe_identity,
      collateral.qe_identity_signature,
      'SGX-Enclave-Identity-Issuer-Chain',
      collateral.qe_identity_issuer_chain,
    );
  },
};

/** A handler for `http.createServer`. It answers GET alone and keeps no state. */
export function createCollateralHandler(
  service: CollateralService,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const { status, type, headers, body } = answer(request, service);
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers });
    response.end(body);
  };
}

function answer(request: IncomingMessage, service: CollateralService): Answer {
  if (request.method !== 'GET') return { ...failure(405, 'only GET'), headers: { Allow: 'GET' } };
  const base = 'http://collateral.invalid';
  const target = request.url ?? '/';
  if (!URL.canParse(target, base)) return failure(400, 'not a request target');
  const url = new URL(target, base);
  const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
  return route === undefined ? failure(404, 'no such resource') : route(url.searchParams, service);
}

function crl(hexadecimal: string, encoding: string): Answer {
  const der = Buffer.from(hexadecimal, 'hex');
  switch (encoding) {
    case 'der':
      return { status: 200, type: 'application/pkix-crl', body: der };
    case 'pem':
      return { status: 200, type: 'application/x-pem-file', body: encodePem('X509 CRL', der) };
    case 'hex':
      return { status: 200, type: 'text/plain', body: hexadecimal };
    default:
      return failure(400, 'unknown encoding');
  }
}

/** The signed text goes in as it is: the signature covers these very bytes. */
function signedText(member: string, text: string, signature: string, header: string, chain: string): Answer {
  return {
    status: 200,
    type: 'application/json',
    headers: { [header]: encodeURIComponent(chain) },
    body: `{"${member}":${text},"signature":"${signature}"}`,
  };
}

function failure(status: number, why: string): Answer {
  return { status, type: 'text/plain', body: `${why}\n` };
}
