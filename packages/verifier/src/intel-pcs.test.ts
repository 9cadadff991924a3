import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { VitrineError } from '@vitrine/documents';
import { createCollateralHandler } from '@vitrine/simulator';
import { forgeCollateral, forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { intelPcs } from './intel-pcs.ts';
import { presets } from './policy-file.ts';
import { simulatorAnchor } from './simulator-anchor.ts';
import { type EndorsementFetcher, verify } from './verify.ts';

const now = new Date('2026-06-01T00:00:00Z');
const pki = forgePki({ now });
const collateral = forgeCollateral(pki);
const fmspc = /"fmspc":"([0-9a-fA-F]+)"/.exec(collateral.tcb_info)?.[1] ?? '';
const good = createCollateralHandler({ fmspc, collateral: () => collateral });
const platform = { technology: 'tdx', fmspc, ca: 'platform' } as const;

async function fetching<T>(
  handler: RequestListener,
  use: (fetcher: ReturnType<typeof intelPcs>) => Promise<T>,
  timeoutMs = 5000,
): Promise<T> {
  const server = createServer(handler);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await use(
      intelPcs({ fetch: globalThis.fetch, timeoutMs, service, rootCrl: `${service}/IntelSGXRootCA.der` }),
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

promise('P7', 'what the service brings is what a file would hold', async () => {
  expect(await fetching(good, (fetcher) => fetcher(platform))).toEqual([collateral]);
});

const bad: readonly (readonly [string, RequestListener, RegExp])[] = [
  ['is down with 500', (_, response) => response.writeHead(500).end(), /answered 500/],
  ['does not know the platform', (_, response) => response.writeHead(404).end(), /answered 404/],
  [
    'redirects elsewhere',
    (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    /redirect/,
  ],
  [
    'leaves out the issuer chain',
    (request, response) => {
      response
        .writeHead(200)
        .end(
          request.url?.includes('tcb')
            ? `{"tcbInfo":${collateral.tcb_info},"signature":"${collateral.tcb_info_signature}"}`
            : '{}',
        );
    },
    /no header/,
  ],
  ['sends far too much', (_, response) => response.writeHead(200).end(Buffer.alloc(2 << 20)), /larger than/],
  [
    'answers with something else',
    (_, response) =>
      response
        .writeHead(200, {
          'TCB-Info-Issuer-Chain': 'x',
          'SGX-Enclave-Identity-Issuer-Chain': 'x',
          'SGX-PCK-CRL-Issuer-Chain': 'x',
        })
        .end('<html>'),
    /not \{"tcbInfo"/,
  ],
];
for (const [what, handler, message] of bad) {
  promise('P7', `a service that ${what} is unavailable, never good`, async () => {
    const attempt = fetching(handler, (fetcher) => fetcher(platform));
    await expect(attempt).rejects.toThrow(VitrineError);
    await expect(attempt).rejects.toThrow(message);
  });
}

promise('P7', 'a service that never answers is given up after the time allowed', async () => {
  await expect(
    fetching(
      () => {},
      (fetcher) => fetcher(platform),
      50,
    ),
  ).rejects.toThrow(/no answer in time/);
});

promise('P7', 'nothing is fetched for a simulator, and a failed fetch leaves the verdict undetermined', async () => {
  let asked = 0;
  const failing: EndorsementFetcher = async () => {
    asked++;
    throw new VitrineError('endorsements.unavailable', 'the service is down');
  };
  const result = await verify(
    { kind: 'raw', bytes: forgeQuote(pki) },
    {
      policy: presets['hardware-only'],
      now,
      endorsements: [],
      simulatorAnchors: [simulatorAnchor(pki.rootPem)],
      fetchEndorsements: failing,
    },
  );
  expect(result).toMatchObject({ verdict: 'undetermined', decidedBy: 'tdx.tcb-status' });
  expect(asked).toBe(0);
});
