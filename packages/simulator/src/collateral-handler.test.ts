import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCollateralHandler } from './collateral-handler.ts';
import { forgeCollateral, forgePki } from './faults.ts';

const pki = forgePki({ now: new Date('2026-11-20T10:00:00Z') });
const collateral = forgeCollateral(pki);
const fmspc = Buffer.from('SIMTEE').toString('hex');
let server: Server;
let origin = '';

beforeAll(async () => {
  server = createServer(createCollateralHandler({ fmspc, collateral: () => collateral })).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  origin = `http://127.0.0.1:${address.port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const get = (path: string, method = 'GET'): Promise<Response> => fetch(`${origin}${path}`, { method });
const hexOf = async (response: Response): Promise<string> => Buffer.from(await response.arrayBuffer()).toString('hex');
const chain = (response: Response, header: string): string => decodeURIComponent(response.headers.get(header) ?? '');

describe('revocation lists', () => {
  test('the PCK CRL comes in DER with its issuer chain', async () => {
    const response = await get('/sgx/certification/v4/pckcrl?ca=platform&encoding=der');
    expect(response.headers.get('content-type')).toBe('application/pkix-crl');
    expect(chain(response, 'SGX-PCK-CRL-Issuer-Chain')).toBe(collateral.pck_crl_issuer_chain);
    expect(await hexOf(response)).toBe(collateral.pck_crl);
  });

  test('the PCK CRL is PEM unless DER is asked for', async () => {
    const text = await (await get('/sgx/certification/v4/pckcrl?ca=platform')).text();
    expect(text).toMatch(/^-----BEGIN X509 CRL-----\n/);
    expect(Buffer.from(text.replace(/-----[^-]+-----/g, ''), 'base64').toString('hex')).toBe(collateral.pck_crl);
  });

  test('the root CRL comes in hexadecimal, and in DER as Intel serves it', async () => {
    expect(await (await get('/sgx/certification/v4/rootcacrl')).text()).toBe(collateral.root_ca_crl);
    expect(await hexOf(await get('/sgx/certification/v4/rootcacrl?encoding=der'))).toBe(collateral.root_ca_crl);
    expect(await hexOf(await get('/IntelSGXRootCA.der'))).toBe(collateral.root_ca_crl);
  });
});

describe('signed texts', () => {
  test.each([fmspc, fmspc.toUpperCase()])('TCB info of %s is the very text that was signed', async (asked) => {
    const response = await get(`/tdx/certification/v4/tcb?fmspc=${asked}&update=standard`);
    expect(chain(response, 'TCB-Info-Issuer-Chain')).toBe(collateral.tcb_info_issuer_chain);
    expect(await response.text()).toBe(
      `{"tcbInfo":${collateral.tcb_info},"signature":"${collateral.tcb_info_signature}"}`,
    );
  });

  test('so is the QE identity', async () => {
    const response = await get('/tdx/certification/v4/qe/identity');
    expect(chain(response, 'SGX-Enclave-Identity-Issuer-Chain')).toBe(collateral.qe_identity_issuer_chain);
    expect(await response.text()).toBe(
      `{"enclaveIdentity":${collateral.qe_identity},"signature":"${collateral.qe_identity_signature}"}`,
    );
  });
});

describe('refusals', () => {
  test.each([
    ['/tdx/certification/v4/tcb?fmspc=00806f050000', 404],
    ['/tdx/certification/v4/tcb?fmspc=0080', 400],
    ['/tdx/certification/v4/tcb', 400],
    ['/sgx/certification/v4/pckcrl?ca=processor&encoding=der', 404],
    ['/sgx/certification/v4/pckcrl?ca=other', 400],
    ['/sgx/certification/v4/pckcrl?ca=platform&encoding=xml', 400],
    ['/sgx/certification/v4/tcb?fmspc=00806f050000', 404],
    ['/constructor', 404],
    ['/', 404],
  ])('%s is %i', async (path, status) => {
    expect((await get(path)).status).toBe(status);
  });

  test('only GET is answered', async () => {
    const response = await get('/tdx/certification/v4/qe/identity', 'POST');
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET');
  });
});
