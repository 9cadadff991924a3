import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodePem } from '@vitrine/attester';
import { fromHex, VitrineError } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { amdKds, vcekUrl } from './amd-kds.ts';
import { amdAnchors } from './snp/anchors.ts';
import type { SnpPlatform } from './snp/platform.ts';

const chipId = Array.from({ length: 64 }, (_, index) => (index + 1).toString(16).padStart(2, '0')).join('');
const genoa: SnpPlatform = {
  technology: 'snp',
  products: ['Genoa'],
  signer: 'vcek',
  chipId,
  reportedTcb: '0a00000000001954',
};
const leaf = new Uint8Array([0x30, 1, 2]);
const list = new Uint8Array([0x30, 3, 4]);
const anchor = amdAnchors().find(({ product }) => product === 'Genoa');
const [authority = new Uint8Array(), root = new Uint8Array()] = [anchor?.authorities[0], anchor?.root];
const chain = [authority, root].map((der) => encodePem('CERTIFICATE', der)).join('');
const VCEK = `/vcek/v1/Genoa/${chipId}?blSPL=10&teeSPL=00&snpSPL=25&ucodeSPL=84`;

/** Answers by path; anything else is 404. */
function serving(answers: Readonly<Record<string, string | Uint8Array>>): RequestListener {
  return ({ url = '' }, response) => {
    const body = answers[url];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  };
}

const good = {
  [VCEK]: leaf,
  '/vcek/v1/Genoa/cert_chain': chain,
  '/vcek/v1/Genoa/crl': list,
};

async function fetching(handler: RequestListener, platform: SnpPlatform = genoa, timeoutMs = 5000) {
  const server = createServer(handler);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await amdKds({ fetch: globalThis.fetch, timeoutMs, service })(platform);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

promise('P7', 'the service brings leaf, authority, root and revocation list', async () => {
  expect(await fetching(serving(good))).toEqual({ certificates: [leaf, authority, root], revocationLists: [list] });
});

promise('P7', 'a report that does not name its processor is asked for under each product', async () => {
  const asked: string[] = [];
  const handler = serving({
    [VCEK.replace('Genoa', 'Milan')]: leaf,
    '/vcek/v1/Milan/cert_chain': chain,
    '/vcek/v1/Milan/crl': list,
  });
  const brought = await fetching(
    (request, response) => {
      asked.push(request.url ?? '');
      handler(request, response);
    },
    { ...genoa, products: ['Genoa', 'Milan'] },
  );
  expect(brought.certificates[0]).toEqual(leaf);
  expect(asked.slice(0, 2)).toEqual([VCEK, VCEK.replace('Genoa', 'Milan')]);
});

promise('P7', 'of a fleet only what stands above its key is fetched', async () => {
  const answers = { '/vlek/v1/Genoa/cert_chain': chain, '/vlek/v1/Genoa/crl': list };
  const brought = await fetching(serving(answers), { ...genoa, signer: 'vlek', chipId: '00'.repeat(64) });
  expect(brought).toEqual({ certificates: [authority, root], revocationLists: [list] });
});

test('Turin has its own parts and eight bytes of chip', () => {
  expect(vcekUrl('https://kds', 'Turin', chipId, fromHex('010200030000004b') ?? new Uint8Array())).toBe(
    'https://kds/vcek/v1/Turin/0102030405060708?fmcSPL=01&blSPL=02&teeSPL=00&snpSPL=03&ucodeSPL=75',
  );
});

const bad: readonly (readonly [string, RequestListener, RegExp, SnpPlatform?])[] = [
  ['is down with 500', (_, response) => response.writeHead(500).end(), /answered 500/],
  ['does not know the chip', serving({}), /knows no VCEK of this chip/],
  ['has no revocation list', serving({ ...good, '/vcek/v1/Genoa/crl': undefined as never }), /crl: it answered 404/],
  [
    'redirects elsewhere',
    (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    /redirect/,
  ],
  ['sends far too much', (_, response) => response.writeHead(200).end(Buffer.alloc(2 << 20)), /larger than/],
  [
    'sends one certificate of two',
    serving({ ...good, '/vcek/v1/Genoa/cert_chain': encodePem('CERTIFICATE', root) }),
    /not two certificates/,
  ],
  ['sends something else', serving({ ...good, '/vcek/v1/Genoa/cert_chain': '<html>' }), /not two certificates/],
  [
    'sends a chain that is no text',
    serving({ ...good, '/vcek/v1/Genoa/cert_chain': Uint8Array.of(0xff) }),
    /not two certificates/,
  ],
  ['would be asked for no chip', serving(good), /names no chip/, { ...genoa, chipId: '00'.repeat(64) }],
  ['would be asked for a path', serving(good), /names no chip/, { ...genoa, chipId: '../../../x' }],
  ['would be asked for no product', serving(good), /any product/, { ...genoa, products: [] }],
];
for (const [what, handler, message, platform] of bad) {
  promise('P7', `a service that ${what} is unavailable, never good`, async () => {
    const attempt = fetching(handler, platform);
    await expect(attempt).rejects.toThrow(VitrineError);
    await expect(attempt).rejects.toThrow(message);
  });
}

promise('P7', 'a service that never answers is given up after the time allowed', async () => {
  await expect(fetching(() => {}, genoa, 50)).rejects.toThrow(/no answer in time/);
});
