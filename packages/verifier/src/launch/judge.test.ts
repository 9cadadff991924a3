import { digest, documentDigest, type LaunchDocument, type Manifest, toHex } from '@vitrine/documents';
import { carriedInitDataDigest, initDataDigest, renderAppCompose, renderInitData } from '@vitrine/documents/launch';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { AuthenticatedEvent } from '../eventlog/authenticated-event.ts';
import { judgeLaunch, type LaunchClaims } from './judge.ts';

const IMAGE = `ghcr.io/example/vitrine@sha256:${'ab'.repeat(32)}`;
const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'demo',
  server: {
    source: { kind: 'path', tree: 'a'.repeat(96), entry: 'main.js' },
    args: [],
    environment: {},
    transport: 'stdio',
  },
  sandbox: 'bwrap',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};
const D = await documentDigest(MANIFEST);

const COMPOSE: LaunchDocument = {
  kind: 'app-compose',
  bytes: renderAppCompose({
    name: 'demo',
    settings: {},
    compose: {
      services: {
        vitrine: {
          image: IMAGE,
          environment: { VITRINE_MANIFEST_DIGEST: D },
          volumes: ['/var/run/dstack.sock:/var/run/dstack.sock'],
        },
      },
    },
  }),
};
const COMPOSE_HASH = toHex(await digest('SHA-256', COMPOSE.bytes));

const event = (name: string, change: Partial<AuthenticatedEvent> = {}): AuthenticatedEvent => ({
  register: 'rtmr3',
  digest: '00'.repeat(48),
  type: 'dstack-runtime',
  origin: 'platform',
  name,
  covers: 'runtime-event',
  payload: '',
  ...change,
});
const LOG = [event('app-id'), event('compose-hash', { payload: COMPOSE_HASH }), event('system-ready')];
const RTMR3 = '33'.repeat(48);
const dstack = (
  events: readonly AuthenticatedEvent[],
  registers: Record<string, string> = { rtmr3: RTMR3 },
): LaunchClaims => ({
  technology: 'tdx',
  registers,
  events,
});

promise('P3', 'an app-compose that the guest measured explains RTMR3 and says image and manifest', async () => {
  expect(await judgeLaunch(COMPOSE, dstack(LOG))).toMatchObject({
    kind: 'app-compose',
    digest: COMPOSE_HASH,
    explains: { rtmr3: RTMR3, mrconfigid: `01${COMPOSE_HASH}${'00'.repeat(15)}` },
    content: { ok: true, value: { manifestDigest: D, images: [IMAGE] } },
  });
});

const application = { origin: 'application' } as const;
const measured = { payload: COMPOSE_HASH };
const UNCOMMITTED: readonly (readonly [string, LaunchClaims, RegExp])[] = [
  ['no event log', dstack([]), /no event log of dstack/],
  ['another technology', { ...dstack(LOG), technology: 'snp' }, /Only TDX evidence/],
  ['evidence without the register', dstack(LOG, {}), /Only TDX evidence/],
  ['no compose-hash', dstack([event('app-id'), event('system-ready')]), /not exactly one "compose-hash"/],
  ['two', dstack([event('compose-hash', measured), ...LOG]), /not exactly one "compose-hash"/],
  ['one after the end', dstack([event('system-ready'), event('compose-hash', measured)]), /does not stand before/],
  ['one without an end', dstack([event('compose-hash', measured)]), /does not stand before/],
  [
    'one by the application',
    dstack([event('compose-hash', { ...measured, ...application }), event('system-ready')]),
    /does not stand before/,
  ],
  [
    'one in another register',
    dstack([event('compose-hash', { ...measured, register: 'rtmr2' }), event('system-ready')]),
    /not exactly one "compose-hash"/,
  ],
  [
    'one of firmware',
    dstack([event('compose-hash', { ...measured, type: 'EV_IPL' }), event('system-ready')]),
    /not exactly one "compose-hash"/,
  ],
  [
    'another digest',
    dstack([event('compose-hash', { payload: '00'.repeat(32) }), event('system-ready')]),
    /not the one that the guest launched/,
  ],
  ['a script before', dstack([event('init-script-hash'), ...LOG]), /ran a script/],
];
for (const [what, claims, message] of UNCOMMITTED) {
  promise('P3', `an app-compose beside ${what} explains nothing`, async () => {
    const judged = await judgeLaunch(COMPOSE, claims);
    expect(judged.refusal?.message).toMatch(message);
    expect(judged.explains).toEqual({});
    expect(judged).not.toHaveProperty('content');
  });
}

promise('P3', 'one changed byte of an app-compose is not what the guest launched', async () => {
  const bytes = COMPOSE.bytes.slice();
  bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
  expect((await judgeLaunch({ ...COMPOSE, bytes }, dstack(LOG))).refusal?.message).toMatch(/not the one/);
});

promise('P3', 'what was measured and may start other code is refused by name', async () => {
  const bytes = new TextEncoder().encode('{"manifest_version":2,"pre_launch_script":"true"}');
  const payload = toHex(await digest('SHA-256', bytes));
  const log = [event('compose-hash', { payload }), event('system-ready')];
  const { refusal, content } = await judgeLaunch({ kind: 'app-compose', bytes }, dstack(log));
  expect(refusal).toBeUndefined();
  expect(content).toMatchObject({ ok: false, refusal: { message: expect.stringMatching(/pre_launch_script/) } });
});

promise('P3', 'a launch document of an unknown kind is refused by its name', async () => {
  for (const kind of ['compose', 'toString', '']) {
    const { refusal } = await judgeLaunch({ ...COMPOSE, kind }, dstack(LOG));
    expect(refusal).toMatchObject({ expected: 'app-compose or init-data', actual: kind });
  }
});

const INIT: LaunchDocument = {
  kind: 'init-data',
  bytes: renderInitData({
    algorithm: 'sha256',
    manifest: MANIFEST,
    policy: { images: [{ image: IMAGE, command: ['/usr/bin/vitrine'], directory: '/', environment: [] }] },
  }),
};
const INIT_DIGEST = await initDataDigest(INIT.bytes);
const MRCONFIGID = toHex(carriedInitDataDigest(INIT_DIGEST, 48));
const HOST_DATA = toHex(carriedInitDataDigest(INIT_DIGEST, 32));

promise('P3', 'init-data is explained by MRCONFIGID of TDX and HOST_DATA of SEV-SNP', async () => {
  for (const [technology, registers] of [
    ['tdx', { mrconfigid: MRCONFIGID }],
    ['snp', { hostdata: HOST_DATA }],
  ] as const) {
    expect(await judgeLaunch(INIT, { technology, registers, events: [] })).toMatchObject({
      explains: registers,
      content: { ok: true, value: { manifestDigest: D, images: [IMAGE] } },
    });
  }
});

const OTHER_CARRIERS: readonly (readonly [string, LaunchClaims])[] = [
  ['another MRCONFIGID', { technology: 'tdx', registers: { mrconfigid: '00'.repeat(48) }, events: [] }],
  ['the digest in another register', { technology: 'tdx', registers: { mrowner: MRCONFIGID }, events: [] }],
  ['HOST_DATA of another pod', { technology: 'snp', registers: { hostdata: 'ff'.repeat(32) }, events: [] }],
  ['MRCONFIGID that is not filled', { technology: 'tdx', registers: { mrconfigid: HOST_DATA }, events: [] }],
  ['a TPM', { technology: 'tpm', registers: { mrconfigid: MRCONFIGID }, events: [] }],
];
for (const [what, claims] of OTHER_CARRIERS) {
  promise('P3', `init-data beside ${what} explains nothing`, async () => {
    const judged = await judgeLaunch(INIT, claims);
    expect(judged.refusal?.message).toMatch(/init-data/);
    expect(judged.explains).toEqual({});
  });
}

promise('P3', 'init-data that is none is refused, whatever the evidence has', async () => {
  const judged = await judgeLaunch(
    { kind: 'init-data', bytes: new TextEncoder().encode('version = "0.2.0"') },
    { technology: 'tdx', registers: { mrconfigid: MRCONFIGID }, events: [] },
  );
  expect(judged.refusal?.message).toMatch(/version "0\.1\.0"/);
});

promise('P3', 'init-data with another policy of the agent is refused by the name of the entry', async () => {
  const text = new TextDecoder()
    .decode(INIT.bytes)
    .replace('default ExecProcessRequest := false', 'default ExecProcessRequest := true');
  const bytes = new TextEncoder().encode(text);
  const registers = { mrconfigid: toHex(carriedInitDataDigest(await initDataDigest(bytes), 48)) };
  const { content } = await judgeLaunch({ kind: 'init-data', bytes }, { technology: 'tdx', registers, events: [] });
  expect(content).toMatchObject({ ok: false, refusal: { message: expect.stringMatching(/policy\.rego/) } });
});
