/** A giver refuses every receiver that is wrong in one way, each by the check for it. */
import {
  type EvidenceBundle,
  formatEvidenceBundle,
  type Manifest,
  manifestDigest,
  parseEvidenceBundle,
  toBase64Url,
  toHex,
} from '@vitrine/documents';
import { simulatorAnchor } from '@vitrine/verifier';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { forgeCollateral, forgePki, revoking, withBit, withTcbStatus } from '../../../simulator/src/faults.ts';
import { launchRegisters } from '../../../simulator/src/registers.ts';
import type { KeydOptions } from '../keyd/contract.ts';
import { removeTemporaryDirectories } from '../testing/open-test-keyd.ts';
import { type RequestMessage, type SessionMessage, typeOf } from './messages.ts';
import type { ReceiverOptions } from './receiver.ts';
import { MAX_SESSIONS, SESSION_MS } from './sessions.ts';
import {
  ADA,
  application,
  type EnclaveFaults,
  EVE,
  handOver,
  MACHINE,
  NOW,
  type RunningGiver,
  receiverFor,
  releaseOf,
  runGiver,
  UPGRADE,
} from './testing/enclaves.ts';

afterAll(removeTemporaryDirectories);

const FOREIGN = forgePki({ now: NOW });
const code = (expected: string): object => ({ code: expected });

interface Attempt {
  readonly giver?: Partial<Manifest>;
  readonly giverFaults?: EnclaveFaults;
  readonly keyd?: Partial<KeydOptions>;
  readonly receiver?: Partial<Manifest>;
  readonly faults?: EnclaveFaults;
  readonly release?: (from: Manifest, to: Manifest) => Promise<unknown>;
  /** Changes the evidence on its way. */
  readonly evidence?: (good: EvidenceBundle) => EvidenceBundle | Promise<EvidenceBundle>;
}

/** The type of what is given. */
async function attempt({ evidence, ...how }: Attempt): Promise<unknown> {
  const from = application(how.giver);
  const to = application(how.receiver);
  const giver = await runGiver(from, how.giverFaults, how.keyd);
  const options: Partial<ReceiverOptions> = how.release === undefined ? {} : { release: await how.release(from, to) };
  const receiver = await receiverFor(to, how.faults, options);
  const request = await receiver.request(await giver.ask(receiver.begin()));
  const changed = evidence && formatEvidenceBundle(await evidence(parseEvidenceBundle(request.evidence)));
  return typeOf(await giver.ask({ ...request, evidence: changed ?? request.evidence }));
}

const ppid = toHex(MACHINE.platform.ppid);
const instance = toHex(MACHINE.platform.platformInstanceId);
const images = (release: string, named = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2']) => {
  const all: Readonly<Record<string, string>> = { ...launchRegisters(release, '0'.repeat(96)) };
  const registers = Object.fromEntries(named.map((name) => [name, all[name] ?? '']));
  return { measurements: [{ technology: 'tdx' as const, registers }] };
};
const second = { number: 2 };

const granted: readonly [what: string, how: Attempt][] = [
  ['an equal', {}],
  [
    'an equal in a listed machine, by PPID',
    {
      giver: { handover: { to: ['equal'], platforms: [ppid] } },
      receiver: { handover: { to: ['equal'], platforms: [ppid] } },
    },
  ],
  [
    'an equal in a listed machine, by platform instance',
    {
      giver: { handover: { to: ['equal'], platforms: ['00'.repeat(16), instance] } },
      receiver: { handover: { to: ['equal'], platforms: ['00'.repeat(16), instance] } },
    },
  ],
  ['the next manifest with a signed release', { receiver: second, release: releaseOf }],
  ['one after the next with a release to it', { receiver: { number: 9 }, release: releaseOf }],
  [
    'the next in an image that the release names',
    {
      receiver: second,
      faults: { quote: { release: 'next' } },
      release: (from, to) => releaseOf(from, to, { to: images('next') }),
    },
  ],
  ['a receiver that nobody denies', { keyd: { denied: () => undefined } }],
];
for (const [what, how] of granted) {
  promise('P4', `the root goes to ${what}`, async () => {
    expect(await attempt(how)).toBe('vitrine/handover-grant/v1');
  });
}

const terms = (to: readonly ('equal' | 'release')[]): Partial<Manifest> => ({ handover: { to, platforms: 'any' } });
const floor = (tdxEvaluation: number): Partial<Manifest> => ({
  handover: { to: ['equal'], platforms: 'any', tcb: { tdxEvaluation } },
});
const listed = (platforms: readonly string[]): Partial<Manifest> => ({ handover: { to: ['equal'], platforms } });

const refused: readonly [what: string, check: string, how: Attempt][] = [
  [
    'one with debugging on',
    'handover.evidence',
    { faults: { quote: { body: (good) => ({ ...good, tdAttributes: withBit(good.tdAttributes, 0, true) }) } } },
  ],
  [
    'one with SEPT_VE_DISABLE off',
    'handover.evidence',
    { faults: { quote: { body: (good) => ({ ...good, tdAttributes: withBit(good.tdAttributes, 28, false) }) } } },
  ],
  [
    'one with firmware out of date',
    'handover.evidence',
    { faults: { collateral: { tcbInfo: withTcbStatus('OutOfDate') } } },
  ],
  ['one in a revoked machine', 'handover.evidence', { faults: { collateral: { pckCrl: revoking('pck') } } }],
  [
    'one whose quoting enclave is not Intel’s',
    'handover.evidence',
    { faults: { quote: { qeReport: (good) => ({ ...good, mrSigner: new Uint8Array(32) }) } } },
  ],
  [
    'one whose quote has a bit flipped',
    'handover.evidence',
    {
      evidence: (good) => ({
        ...good,
        hardware: {
          ...good.hardware,
          bytes: good.hardware.bytes.map((byte, index) => (index === 200 ? byte ^ 1 : byte)),
        },
      }),
    },
  ],
  ['one whose manifest was not measured', 'handover.evidence', { faults: { measured: 'ab'.repeat(48) } }],
  ['one without endorsements', 'handover.endorsements', { faults: { collateral: 'none' } }],
  ['one in another simulator', 'handover.simulated', { faults: { pki: FOREIGN } }],
  ['one in a simulator, from hardware', 'handover.simulated', { giverFaults: { platform: { isSimulated: false } } }],
  [
    'one in a simulator, from hardware that is told of its root',
    'handover.simulated',
    { giverFaults: { platform: { isSimulated: false, simulatorAnchors: [simulatorAnchor(MACHINE.rootPem)] } } },
  ],
  [
    'another key beside genuine evidence',
    'handover.binding',
    { evidence: (good) => withBinding(good, { key: toBase64Url(new Uint8Array(32).fill(9)) }) },
  ],
  [
    'another challenge beside genuine evidence',
    'handover.binding',
    { evidence: (good) => withBinding(good, { nonce: toBase64Url(new Uint8Array(32)) }) },
  ],
  [
    'another manifest beside genuine evidence',
    'handover.binding',
    { evidence: (good) => ({ ...good, manifest: { ...good.manifest, sandbox: 'bwrap' } }) },
  ],
  [
    'another boot beside genuine evidence',
    'handover.binding',
    { evidence: (good) => ({ ...good, boot: { ...good.boot, tlsSpki: '0'.repeat(64) } }) },
  ],
  [
    'evidence that names the other side',
    'handover.binding',
    { evidence: (good) => withBinding(good, { role: 'giver', receiver: '0'.repeat(96) }) },
  ],
  ['evidence about no hand-over', 'handover.binding', { evidence: ({ handover, ...good }) => good }],
  ['another application', 'handover.application', { receiver: { name: 'other' } }],
  ['an older manifest', 'handover.number', { giver: second }],
  ['an older manifest, whatever release it brings', 'handover.number', { giver: second, release: releaseOf }],
  ['another manifest with the same number', 'handover.number', { receiver: { sandbox: 'bwrap' }, release: releaseOf }],
  [
    'an equal, where the terms name releases alone',
    'handover.manifest',
    { giver: terms(['release']), receiver: terms(['release']) },
  ],
  [
    'the next, where the terms name equals alone',
    'handover.manifest',
    { giver: terms(['equal']), receiver: second, release: releaseOf },
  ],
  ['the next without a release', 'handover.manifest', { receiver: second }],
  [
    'the next with a release that nobody has signed',
    'handover.manifest',
    { receiver: second, release: (from, to) => releaseOf(from, to, {}, []) },
  ],
  [
    'the next with a release signed by another key',
    'handover.manifest',
    { receiver: second, release: (from, to) => releaseOf(from, to, {}, [EVE]) },
  ],
  [
    'the next with a release to another manifest',
    'handover.manifest',
    { receiver: second, release: (from, to) => releaseOf(from, { ...to, sandbox: 'bwrap' }) },
  ],
  [
    'the next with a release from another manifest',
    'handover.manifest',
    { receiver: second, release: (from, to) => releaseOf({ ...from, sandbox: 'bwrap' }, to) },
  ],
  [
    'the next with a release that was changed',
    'handover.manifest',
    {
      receiver: second,
      release: async (from, to) => ({
        ...(await releaseOf(from, to)),
        to: { manifest: await manifestDigest(to), number: 2, ...images('next') },
      }),
    },
  ],
  [
    'the next, where the giver is pinned',
    'handover.manifest',
    { giver: { upgrade: { kind: 'pinned' } }, receiver: second, release: releaseOf },
  ],
  [
    'the next by release keys of its own',
    'handover.manifest',
    {
      receiver: { ...second, upgrade: { kind: 'signed', keys: [EVE.publicKey], threshold: 1 } },
      release: (from, to) => releaseOf(from, to, {}, [EVE]),
    },
  ],
  [
    'the next before the delay has passed',
    'handover.manifest',
    {
      giver: {
        upgrade: {
          ...UPGRADE,
          kind: 'signed',
          keys: [ADA.publicKey],
          threshold: 1,
          minDelay: 60,
          witnesses: { keys: [EVE.publicKey], threshold: 1 },
        },
      },
      receiver: second,
      release: releaseOf,
    },
  ],
  ['an equal that brings a release', 'handover.manifest', { release: releaseOf }],
  ['an equal in another image', 'handover.measurement', { faults: { quote: { release: 'other' } } }],
  [
    'an equal whose firmware alone differs',
    'handover.measurement',
    { faults: { quote: { body: (good) => ({ ...good, mrTd: new Uint8Array(48) }) } } },
  ],
  [
    'the next in another image, of which the release says nothing',
    'handover.measurement',
    { receiver: second, release: releaseOf, faults: { quote: { release: 'next' } } },
  ],
  [
    'the next in the former image, where the release names another',
    'handover.measurement',
    { receiver: second, release: (from, to) => releaseOf(from, to, { to: images('next') }) },
  ],
  [
    'the next in an image of which the release names one register',
    'handover.measurement',
    {
      receiver: second,
      faults: { quote: { release: 'next' } },
      release: (from, to) => releaseOf(from, to, { to: images('next', ['mrtd']) }),
    },
  ],
  [
    'one in a machine that is not listed',
    'handover.platform',
    { giver: listed(['00'.repeat(16)]), receiver: listed(['00'.repeat(16)]) },
  ],
  ['one whose firmware is below the floor', 'handover.tcb', { giver: floor(1000), receiver: floor(1000) }],
  [
    'one that is denied',
    'handover.denied',
    { keyd: { denied: ({ manifest }) => `number ${manifest.number} is broken` } },
  ],
];

function withBinding(good: EvidenceBundle, change: Partial<NonNullable<EvidenceBundle['handover']>>): EvidenceBundle {
  if (good.handover === undefined) throw new Error('no hand-over');
  return { ...good, handover: { ...good.handover, ...change } };
}

for (const [what, check, how] of refused) {
  promise('P4', `the root does not go to ${what}`, async () => {
    await expect(attempt(how)).rejects.toMatchObject(code(check));
  });
}

promise('P4', 'endorsements may come from whoever carries the request', async () => {
  const giver = await runGiver();
  const receiver = await receiverFor(application(), { collateral: 'none' });
  const request = await receiver.request(await giver.ask(receiver.begin()));
  const endorsements = { type: 'vitrine/endorsements/v1', dcap: [forgeCollateral(MACHINE)] };
  expect(typeOf(await giver.ask(request, endorsements))).toBe('vitrine/handover-grant/v1');
});

describe('replays', () => {
  let giver: RunningGiver;
  let request: RequestMessage;
  let clock = 0;
  beforeAll(async () => {
    giver = await runGiver(application(), {}, { monotonic: () => clock });
  });
  const prepare = async (): Promise<SessionMessage> => {
    const receiver = await receiverFor();
    const session = (await giver.ask(receiver.begin())) as SessionMessage;
    request = await receiver.request(session);
    return session;
  };

  promise('P4', 'a request is good once', async () => {
    await prepare();
    await giver.ask(request);
    await expect(giver.ask(request)).rejects.toMatchObject(code('handover.fresh'));
  });

  promise('P4', 'a session is gone after a request that was refused, too', async () => {
    await prepare();
    await expect(giver.ask({ ...request, evidence: 'x' })).rejects.toMatchObject(code('handover.evidence'));
    await expect(giver.ask(request)).rejects.toMatchObject(code('handover.fresh'));
  });

  promise('P4', 'a recorded request does not fit a session that the same beginning opens later', async () => {
    const { nonce } = await prepare();
    const binding = parseEvidenceBundle(request.evidence).handover;
    expect(binding?.peerNonce).toBe(nonce);
    const later = (await giver.ask({ type: 'vitrine/handover-begin/v1', nonce: binding?.nonce })) as SessionMessage;
    await expect(giver.ask({ ...request, session: later.session })).rejects.toMatchObject(code('handover.fresh'));
  });

  promise('P4', 'two requests do not fit each other’s sessions', async () => {
    await prepare();
    const other = request;
    await prepare();
    await expect(giver.ask({ ...request, session: other.session })).rejects.toMatchObject(code('handover.fresh'));
  });

  promise('P4', 'a session that nobody opened is none', async () => {
    await prepare();
    const session = toBase64Url(new Uint8Array(32));
    await expect(giver.ask({ ...request, session })).rejects.toMatchObject(code('handover.fresh'));
  });

  promise('P4', 'a session ends by itself, whatever the wall clock says', async () => {
    await prepare();
    clock += SESSION_MS;
    await expect(giver.ask(request)).rejects.toMatchObject(code('handover.fresh'));
  });

  promise('P4', 'just before its end it is good', async () => {
    await prepare();
    clock += SESSION_MS - 1;
    expect(typeOf(await giver.ask(request))).toBe('vitrine/handover-grant/v1');
  });

  promise('P4', 'few sessions are open at once, and room comes back when they end', async () => {
    clock += SESSION_MS;
    const begin = { type: 'vitrine/handover-begin/v1', nonce: toBase64Url(new Uint8Array(32)) };
    for (let count = 0; count < MAX_SESSIONS; count++) await giver.ask(begin);
    await expect(giver.ask(begin)).rejects.toMatchObject(code('busy'));
    clock += SESSION_MS;
    expect(await giver.ask(begin)).toMatchObject({ type: 'vitrine/handover-session/v1' });
  });

  promise('P4', 'few requests are judged at once', async () => {
    const requests: RequestMessage[] = [];
    for (let count = 0; count < 4; count++) {
      await prepare();
      requests.push(request);
    }
    const said = await Promise.allSettled(requests.map((one) => giver.ask(one)));
    const refusals = said.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
    expect(refusals).toEqual(['busy', 'busy']);
  });
});

describe('messages', () => {
  const nonce = toBase64Url(new Uint8Array(32));
  const wrong: readonly [what: string, text: string][] = [
    ['nothing', ''],
    ['no JSON', 'begin'],
    ['two members of one name', `{"type":"vitrine/handover-begin/v1","nonce":"${nonce}","nonce":"${nonce}"}`],
    ['a list', '[]'],
    ['no type', `{"nonce":"${nonce}"}`],
    ['a later version', `{"type":"vitrine/handover-begin/v2","nonce":"${nonce}"}`],
    ['a message of its own', `{"type":"vitrine/handover-session/v1","session":"${nonce}","nonce":"${nonce}"}`],
    ['a short challenge', '{"type":"vitrine/handover-begin/v1","nonce":"AAAA"}'],
    ['an unknown member', `{"type":"vitrine/handover-begin/v1","nonce":"${nonce}","name":"x"}`],
    ['too much', `"${'x'.repeat(1 << 20)}"`],
  ];
  for (const [what, text] of wrong) {
    test(`${what} is refused as no message`, async () => {
      const giver = await shared;
      await expect(giver.answer(text)).rejects.toMatchObject(code('handover.malformed'));
    });
  }
  let shared: Promise<RunningGiver>;
  beforeAll(() => {
    shared = runGiver();
  });

  promise('P4', 'whatever text comes is answered or refused by one of the checks', async () => {
    const giver = await shared;
    const types = ['begin', 'request', 'session', 'grant'].map((name) => `vitrine/handover-${name}/v1`);
    const message = fc.record(
      {
        type: fc.constantFrom(...types),
        nonce: fc.oneof(fc.base64String(), fc.constant(nonce)),
        session: fc.oneof(fc.string(), fc.constant(nonce)),
        evidence: fc.oneof(fc.string(), fc.json()),
        release: fc.jsonValue(),
      },
      { requiredKeys: ['type'] },
    );
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      message.map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const said = await giver.answer(text).then(
          (answer) => JSON.parse(answer).type,
          (error: { readonly code?: unknown }) => error.code,
        );
        expect(['vitrine/handover-session/v1', 'handover.malformed', 'handover.fresh', 'busy']).toContain(said);
      }),
      { numRuns: 300 },
    );
  });

  test('endorsements that are none are refused', async () => {
    const giver = await shared;
    const receiver = await receiverFor();
    const request = await receiver.request(await giver.ask(receiver.begin()));
    await expect(giver.ask(request, { type: 'x' })).rejects.toMatchObject(code('handover.malformed'));
  });

  test('after all that it still gives', async () => {
    const giver = await runGiver();
    expect((await handOver(giver, await receiverFor())).id).toBe(giver.keyd.appRoot?.id);
  });
});
