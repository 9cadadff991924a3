/** A receiver refuses every giver, and every grant, that is wrong in one way, each by the check for it. */
import { x25519 } from '@noble/curves/ed25519.js';
import { formatEvidenceBundle, type Manifest, parseEvidenceBundle, toBase64Url } from '@vitrine/documents';
import { afterAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { forgeCollateral, forgePki, revoking, withBit, withTcbStatus } from '../../../simulator/src/faults.ts';
import { launchRegisters } from '../../../simulator/src/registers.ts';
import { appRootId } from '../app-root/app-root.ts';
import { removeTemporaryDirectories } from '../testing/open-test-keyd.ts';
import type { GrantMessage } from './messages.ts';
import type { ReceiverOptions } from './receiver.ts';
import { type Craft, KNOWN_ROOT, takeFrom } from './testing/crafted-giver.ts';
import {
  ADA,
  application,
  type EnclaveFaults,
  EVE,
  handOver,
  MACHINE,
  NOW,
  receiverFor,
  releaseOf,
  runGiver,
  UPGRADE,
} from './testing/enclaves.ts';

afterAll(removeTemporaryDirectories);

const code = (expected: string): object => ({ code: expected });
const ID = appRootId(KNOWN_ROOT);

interface Attempt {
  readonly giver?: Partial<Manifest>;
  readonly craft?: Omit<Craft, 'manifest'>;
  readonly receiver?: Partial<Manifest>;
  readonly faults?: EnclaveFaults;
  readonly options?: Partial<ReceiverOptions>;
  readonly release?: (from: Manifest, to: Manifest) => Promise<unknown>;
  readonly endorsements?: unknown;
}

async function attempt(how: Attempt): Promise<string> {
  const from = application(how.giver);
  const to = application(how.receiver);
  const release = await how.release?.(from, to);
  const options = { ...how.options, ...(release === undefined ? {} : { release }) };
  const receiver = await receiverFor(to, how.faults, options);
  return takeFrom({ manifest: from, ...how.craft }, receiver, how.endorsements);
}

const second = { number: 2 };
const changed =
  (change: (good: GrantMessage['envelope']) => Partial<GrantMessage['envelope']>) =>
  (good: GrantMessage): GrantMessage => ({ ...good, envelope: { ...good.envelope, ...change(good.envelope) } });
const flipped = (base64url: string): string => `${base64url.startsWith('A') ? 'B' : 'A'}${base64url.slice(1)}`;
const images = (release: string) => {
  const { rtmr3, ...registers } = launchRegisters(release, '0'.repeat(96));
  return { measurements: [{ technology: 'tdx' as const, registers }] };
};
const collateral = { type: 'vitrine/endorsements/v1', dcap: [forgeCollateral(MACHINE)] };

const taken: readonly [what: string, how: Attempt][] = [
  ['an equal', {}],
  ['an equal that is expected', { options: { expectAppRoot: ID } }],
  ['a former one, by a release that both accept', { receiver: second, release: releaseOf }],
  [
    'a former one in an image that the release names',
    {
      receiver: second,
      craft: { faults: { quote: { release: 'former' } } },
      release: (from, to) => releaseOf(from, to, { from: images('former') }),
    },
  ],
  [
    'a former one with other release keys, where both have signed',
    {
      giver: { upgrade: { kind: 'signed', keys: [EVE.publicKey], threshold: 1 } },
      receiver: second,
      release: (from, to) => releaseOf(from, to, {}, [ADA, EVE]),
    },
  ],
  [
    'an equal whose endorsements the carrier brings',
    { craft: { faults: { collateral: 'none' } }, endorsements: collateral },
  ],
];
for (const [what, how] of taken) {
  promise('P4', `a root is taken from ${what}`, async () => {
    expect(await attempt(how)).toBe(ID);
  });
}

const refused: readonly [what: string, check: string, how: Attempt][] = [
  [
    'one with debugging on',
    'handover.evidence',
    {
      craft: {
        faults: { quote: { body: (good) => ({ ...good, tdAttributes: withBit(good.tdAttributes, 0, true) }) } },
      },
    },
  ],
  [
    'one with firmware out of date',
    'handover.evidence',
    { craft: { faults: { collateral: { tcbInfo: withTcbStatus('OutOfDate') } } } },
  ],
  ['one in a revoked machine', 'handover.evidence', { craft: { faults: { collateral: { pckCrl: revoking('pck') } } } }],
  ['one whose manifest was not measured', 'handover.evidence', { craft: { faults: { measured: 'ab'.repeat(48) } } }],
  ['one whose evidence is none', 'handover.evidence', { craft: { after: (good) => ({ ...good, evidence: '{}' }) } }],
  ['one without endorsements', 'handover.endorsements', { craft: { faults: { collateral: 'none' } } }],
  ['one in another simulator', 'handover.simulated', { craft: { faults: { pki: forgePki({ now: NOW }) } } }],
  ['one in a simulator, by hardware', 'handover.simulated', { faults: { platform: { isSimulated: false } } }],
  [
    'its own evidence, reflected',
    'handover.binding',
    { craft: { after: (good, request) => ({ ...good, evidence: request.evidence }) } },
  ],
  [
    'one whose evidence names another key',
    'handover.binding',
    { craft: { after: (good) => ({ ...good, evidence: withKey(good.evidence) }) } },
  ],
  ['one that grants another request', 'handover.binding', { craft: { receiver: '0'.repeat(96) } }],
  [
    'one without a root',
    'handover.binding',
    { craft: { after: (good) => ({ ...good, evidence: withoutRoot(good.evidence) }) } },
  ],
  ['one that answers another challenge', 'handover.fresh', { craft: { peerNonce: new Uint8Array(32) } }],
  ['one whose challenge is another than it said', 'handover.fresh', { craft: { nonce: new Uint8Array(32) } }],
  ['another application', 'handover.application', { giver: { name: 'other' } }],
  ['a later one', 'handover.number', { giver: second }],
  ['another manifest with the same number', 'handover.number', { giver: { sandbox: 'bwrap' }, release: releaseOf }],
  [
    'one without terms',
    'handover.giver',
    {
      giver: { handover: { to: ['release'], platforms: 'any' } },
      receiver: { handover: { to: ['release'], platforms: 'any' } },
    },
  ],
  [
    'a former one whose terms name equals alone',
    'handover.giver',
    { giver: { handover: { to: ['equal'], platforms: 'any' } }, receiver: second, release: releaseOf },
  ],
  ['a former one without a release', 'handover.giver', { receiver: second }],
  [
    'a former one with a release by its own keys alone',
    'handover.giver',
    {
      giver: { upgrade: { kind: 'signed', keys: [EVE.publicKey], threshold: 1 } },
      receiver: second,
      release: (from, to) => releaseOf(from, to, {}, [EVE]),
    },
  ],
  [
    'a former one with a release by the receiver’s keys alone',
    'handover.giver',
    {
      giver: { upgrade: { kind: 'signed', keys: [EVE.publicKey], threshold: 1 } },
      receiver: second,
      release: releaseOf,
    },
  ],
  [
    'a former one that is pinned',
    'handover.giver',
    { giver: { upgrade: { kind: 'pinned' } }, receiver: second, release: releaseOf },
  ],
  [
    'a former one, where the receiver is pinned',
    'handover.giver',
    { receiver: { ...second, upgrade: { kind: 'pinned' } }, release: releaseOf },
  ],
  ['an equal by a release', 'handover.giver', { release: releaseOf }],
  ['an equal in another image', 'handover.measurement', { craft: { faults: { quote: { release: 'mine' } } } }],
  [
    'a former one in another image, of which the release says nothing',
    'handover.measurement',
    { receiver: second, craft: { faults: { quote: { release: 'mine' } } }, release: releaseOf },
  ],
  [
    'a former one in an image other than the release names',
    'handover.measurement',
    {
      receiver: second,
      craft: { faults: { quote: { release: 'mine' } } },
      release: (from, to) => releaseOf(from, to, { from: images('former') }),
    },
  ],
  ['one with another root than is expected', 'handover.root', { options: { expectAppRoot: '0'.repeat(64) } }],
  ['one that gives another root than it names', 'handover.root', { craft: { statedId: '0'.repeat(64) } }],
  ['an envelope that names another root', 'handover.root', { craft: { header: { appRoot: '0'.repeat(64) } } }],
  ['an envelope for another receiver', 'handover.envelope', { craft: { header: { receiver: '0'.repeat(96) } } }],
  ['an envelope of another giver', 'handover.envelope', { craft: { header: { giver: '0'.repeat(96) } } }],
  ['an envelope signed with another key', 'handover.envelope', { craft: { signing: new Uint8Array(32).fill(9) } }],
  [
    'an envelope to another key',
    'handover.envelope',
    { craft: { recipient: Uint8Array.from(x25519.getPublicKey(new Uint8Array(32).fill(8))) } },
  ],
  [
    'a changed ciphertext',
    'handover.envelope',
    { craft: { after: changed(({ ciphertext }) => ({ ciphertext: flipped(ciphertext) })) } },
  ],
  [
    'a changed encapsulated key',
    'handover.envelope',
    { craft: { after: changed(({ enc }) => ({ enc: flipped(enc) })) } },
  ],
  [
    'a changed signature',
    'handover.envelope',
    { craft: { after: changed(({ signature }) => ({ signature: flipped(signature) })) } },
  ],
  ['a changed identifier', 'handover.envelope', { craft: { after: changed(() => ({ appRoot: '0'.repeat(64) })) } }],
  ['an unknown member', 'handover.malformed', { craft: { after: (good) => ({ ...good, note: 'x' }) } }],
  [
    'a refusal',
    'handover.malformed',
    { craft: { after: () => ({ type: 'vitrine/error/v1', code: 'busy', message: 'x' }) } },
  ],
];
for (const [what, check, how] of refused) {
  promise('P4', `no root is taken from ${what}`, async () => {
    await expect(attempt(how)).rejects.toMatchObject(code(check));
  });
}

function withKey(evidence: string): string {
  const bundle = parseEvidenceBundle(evidence);
  if (bundle.handover === undefined) throw new Error('no hand-over');
  return formatEvidenceBundle({ ...bundle, handover: { ...bundle.handover, key: toBase64Url(new Uint8Array(32)) } });
}

function withoutRoot(evidence: string): string {
  const { boot, ...bundle } = parseEvidenceBundle(evidence);
  const { appRoot, ...rest } = boot;
  return formatEvidenceBundle({ ...bundle, boot: rest });
}

describe('the steps', () => {
  promise('P4', 'two receivers’ grants are not interchangeable', async () => {
    const giver = await runGiver();
    const [first, other] = [await receiverFor(), await receiverFor()];
    const grants: unknown[] = [];
    for (const one of [first, other]) grants.push(await giver.ask(await one.request(await giver.ask(one.begin()))));
    await expect(first.accept(grants[1])).rejects.toMatchObject(code('handover.fresh'));
  });

  promise('P4', 'a grant is accepted once', async () => {
    const giver = await runGiver();
    const receiver = await receiverFor();
    const grant = await giver.ask(await receiver.request(await giver.ask(receiver.begin())));
    await receiver.accept(grant);
    await expect(receiver.accept(grant)).rejects.toMatchObject(code('handover.order'));
  });

  test('they are taken in their order', async () => {
    const receiver = await receiverFor();
    await expect(receiver.request({})).rejects.toMatchObject(code('handover.order'));
    await expect(receiver.accept({})).rejects.toMatchObject(code('handover.order'));
    receiver.begin();
    expect(() => receiver.begin()).toThrow(expect.objectContaining(code('handover.order')));
  });

  test('every challenge and key is fresh', async () => {
    const giver = await runGiver();
    const seen = new Set<string>();
    for (let count = 0; count < 3; count++) {
      const receiver = await receiverFor();
      const begun = receiver.begin();
      const request = await receiver.request(await giver.ask(begun));
      const grant = (await giver.ask(request)) as GrantMessage;
      for (const text of [request.evidence, grant.evidence]) {
        const { handover, boot } = parseEvidenceBundle(text);
        for (const value of [handover?.nonce, handover?.key]) seen.add(value ?? '');
        if (handover?.role === 'receiver') seen.add(boot.nonce);
      }
      seen.add(grant.envelope.enc);
    }
    expect(seen.size).toBe(3 * 6);
  });

  test('a release that is none is refused before anything is asked', async () => {
    await expect(receiverFor(application(), {}, { release: {} })).rejects.toMatchObject(code('keys.release-refused'));
  });
});

promise('P4', 'nothing that passes has the root in it', async () => {
  const giver = await runGiver(application({ upgrade: UPGRADE }));
  const passed: string[] = [];
  const heard = {
    ...giver,
    ask: async (message: unknown) => {
      const answer = await giver.ask(message);
      passed.push(JSON.stringify(message), JSON.stringify(answer));
      return answer;
    },
  };
  const { root } = await handOver(heard, await receiverFor());
  const bytes = Buffer.from(root, 'hex');
  for (const text of passed) {
    for (const coded of [root, bytes.toString('base64url'), bytes.toString('base64')])
      expect(text).not.toContain(coded);
  }
});
