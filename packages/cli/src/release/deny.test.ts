import { readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type DenyList, MAX_DENY_LIST_BYTES } from '@vitrine/documents';
import { simulatedReferenceValues } from '@vitrine/simulator';
import fc from 'fast-check';
import { describe, expect, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Ended, freshPlace, type Place } from '../testing/in-process.ts';
import { type Entries, withEntries } from './denied-entries.ts';

const GREETER = fileURLToPath(new URL('../../../../test/fixtures/greeter', import.meta.url));
const DIGEST = 'ab'.repeat(48);

interface Office extends Place {
  readonly ada: string;
  readonly bob: string;
  list(): DenyList;
  deny(...args: readonly string[]): Promise<Ended>;
}

/** A place with two keys and a list that ada has signed. */
async function office(): Promise<Office> {
  const place = freshPlace();
  const keygen = async (who: string): Promise<string> =>
    (await place.run('secrets', 'keygen', `${who}.pem`)).stdout.trim();
  const [ada, bob] = [await keygen('ada'), await keygen('bob')];
  const deny = (...args: readonly string[]): Promise<Ended> => place.run('release', 'deny', 'l.json', ...args);
  const { code, stderr } = await deny('--name', 'acme', '--manifest', DIGEST, '--owner-key', 'ada.pem');
  if (code !== 0) throw new Error(stderr);
  return { ...place, ada, bob, deny, list: () => JSON.parse(readFileSync('l.json', 'utf8')) as DenyList };
}

promise('P2', 'a list begins with number 1, and users can keep it once it is signed', async () => {
  const { run, ada } = await office();
  const made = await run('release', 'deny', 'new.json', '--name', 'acme', '--minimum', 'notes:3', '--json');
  const list = JSON.parse(readFileSync('new.json', 'utf8')) as DenyList;
  expect(made).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('now it has to be signed: vitrine release sign'),
  });
  expect(JSON.parse(made.stdout)).toEqual(list);
  expect(list).toEqual({
    type: 'vitrine/deny-list/v1',
    name: 'acme',
    number: 1,
    issued: expect.stringMatching(/Z$/),
    denied: [],
    minimum: [{ application: 'notes', number: 3 }],
    signatures: [],
  });
  expect(await run('pins', 'deny', 'new.json', '--key', ada)).toMatchObject({ code: 2 });
  expect(await run('release', 'sign', 'new.json', '--owner-key', 'ada.pem')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${ada} has signed new.json,\nthe deny-list "acme" number 1 of `),
  });
  expect(await run('pins', 'deny', 'new.json', '--key', ada)).toMatchObject({ code: 0 });
});

promise('P2', 'the next number denies what the one before did and more, and has no signature of it', async () => {
  const { ada, deny, list, run } = await office();
  expect(await run('pins', 'deny', 'l.json', '--key', ada)).toMatchObject({ code: 0 });
  const before = list();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2031-01-02T03:04:05.678Z') });
  const made = await deny(
    '--below',
    'notes:5',
    '--minimum',
    'mail:2',
    '--reason',
    'leaks tokens: https://acme.example/7',
  );
  vi.useRealTimers();
  expect(list()).toEqual({
    ...before,
    number: 2,
    issued: '2031-01-02T03:04:05Z',
    denied: [...before.denied, { application: 'notes', below: 5, reason: 'leaks tokens: https://acme.example/7' }],
    minimum: [{ application: 'mail', number: 2 }],
    signatures: [],
  });
  expect(made.stdout).toBe(
    'l.json is the deny-list "acme" number 2 of 2031-01-02T03:04:05Z\nit denies what number 1 did, and\n  notes below number 5 (leaks tokens: https://acme.example/7)\n  mail: number 2 or later\n',
  );
  expect(await run('pins', 'deny', 'l.json')).toMatchObject({ code: 2, stderr: expect.stringContaining('sign') });
  expect((await deny('--minimum', 'mail:7', '--owner-key', 'ada.pem')).stderr).toBe('');
  expect(list()).toMatchObject({ number: 3, minimum: [{ application: 'mail', number: 7 }] });
  expect(await run('pins', 'deny', 'l.json')).toMatchObject({ code: 0 });
});

promise('P2', 'several sign, each once, and show verifies what it shows of them', async () => {
  const { ada, bob, deny, list, run } = await office();
  await run('release', 'sign', 'l.json', '--owner-key', 'bob.pem');
  expect(list().signatures.map(({ key }) => key)).toEqual([ada, bob]);
  const once = readFileSync('l.json', 'utf8');
  const again = await run('release', 'sign', 'l.json', '--owner-key', 'bob.pem', '--json');
  expect([again.code, JSON.parse(again.stdout).code]).toEqual([2, 'denylist.signed']);
  expect(readFileSync('l.json', 'utf8')).toBe(once);
  expect((await run('release', 'show', 'l.json')).stdout).toBe(
    `l.json is the deny-list "acme" number 1 of ${list().issued}\nDenied\n  manifest\n    ${DIGEST}\nLeast numbers\n  none\nsigned by ${ada}\nsigned by ${bob}\n`,
  );
  writeFileSync('l.json', once.replace(DIGEST, 'ac'.repeat(48)));
  expect((await run('release', 'show', 'l.json')).stdout).toContain(`INVALID signature of ${bob}`);
  expect(JSON.parse((await run('release', 'show', 'l.json', '--json')).stdout)).toMatchObject({
    type: 'vitrine/deny-list-shown/v1',
    number: 1,
    signedBy: [],
    invalid: [ada, bob],
  });
  writeFileSync('l.json', once);
  const next = await deny('--below', 'notes:5', '--owner-key', 'ada.pem');
  expect(next.stderr).toContain('those who signed the number before have to sign it');
  expect(list().signatures.map(({ key }) => key)).toEqual([ada]);
});

promise('P2', 'a manifest is named by its digest or by itself', async () => {
  const { deny, list, run } = await office();
  writeFileSync('vitrine.yaml', `name: desk\nserver: ${JSON.stringify(`path:${GREETER}`)}\n`);
  writeFileSync('m.json', (await run('config', 'show')).stdout);
  const digest = (await run('config', 'hash')).stdout.trim();
  expect(await deny('--manifest', 'm.json', '--manifest', 'cd'.repeat(48))).toMatchObject({ code: 0 });
  expect(list().denied).toEqual([DIGEST, digest, 'cd'.repeat(48)].map((manifest) => ({ manifest })));
});

promise('P2', 'evidence that cannot be read denies nothing', async () => {
  const { deny, list } = await office();
  const before = list();
  for (const bundle of ['{"__cmwc_t":"tag:vitrine"}', '{"__cmwc_t":1,"manifest":{}}']) {
    writeFileSync('e.json', bundle);
    const { code, stdout, stderr } = await deny('--manifest', 'e.json');
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(/^vitrine: ./)]);
  }
  expect(list()).toEqual(before);
});

describe('of reference values', () => {
  const written = (...entries: readonly object[]): void =>
    writeFileSync('v.json', JSON.stringify({ type: 'vitrine/reference-values/v1', release: '1', entries }));
  const common = { shape: 'x', computedBy: 'y', manifestDigest: 'cd'.repeat(48) };
  const tdx = { mrtd: '11'.repeat(48), rtmr0: '22'.repeat(48), rtmr1: '33'.repeat(48), rtmr2: '44'.repeat(48) };
  const snp = { measurement: '55'.repeat(48) };
  const [hostdata, rtmr3, pcr14] = ['66'.repeat(32), '77'.repeat(48), '88'.repeat(32)];
  const pcrs = { pcr0: '99'.repeat(32), pcr2: '99'.repeat(32), pcr4: '99'.repeat(32) };

  promise('P2', 'an image is denied once, whatever manifest it runs', async () => {
    const { deny, list } = await office();
    const { entries } = simulatedReferenceValues('1', 'cd'.repeat(48));
    const others = simulatedReferenceValues('1', 'ce'.repeat(48)).entries;
    written(...entries, ...others, { technology: 'snp', registers: { ...snp, hostdata }, covers: 'image', ...common });
    expect(await deny('--measurement', 'v.json', '--reason', 'CVE')).toMatchObject({ code: 0 });
    const { rtmr3: _, ...image } = { ...entries[0]?.registers } as Record<string, string>;
    expect(list().denied.slice(1)).toEqual([
      { technology: 'tdx', registers: image, reason: 'CVE' },
      { technology: 'snp', registers: snp, reason: 'CVE' },
    ]);
  });

  promise('P2', 'what runs in firmware or images of others is denied with what was launched there', async () => {
    const { deny, list } = await office();
    const launch = 'ef'.repeat(32);
    written(
      { technology: 'snp', registers: { ...snp, hostdata }, ...common },
      { technology: 'tdx', registers: { ...tdx, rtmr3 }, launch, ...common },
      { technology: 'tpm', registers: { ...pcrs, pcr14 }, ...common },
    );
    expect(await deny('--measurement', 'v.json')).toMatchObject({ code: 0 });
    expect(list().denied.slice(1)).toEqual([
      { technology: 'snp', registers: { ...snp, hostdata } },
      { technology: 'tdx', registers: { ...tdx, rtmr3 } },
      { technology: 'tpm', registers: { ...pcrs, pcr14 } },
    ]);
  });

  for (const [what, entry] of Object.entries({
    'firmware of SEV-SNP': { technology: 'snp', registers: snp },
    'firmware of SEV-SNP with host data of zero': {
      technology: 'snp',
      registers: { ...snp, hostdata: '00'.repeat(32) },
    },
    'a dstack image': { technology: 'tdx', registers: tdx, launch: 'ef'.repeat(32) },
    'a pod image': { technology: 'snp', registers: snp, launch: 'ef'.repeat(32), covers: 'image' },
    'firmware under a TPM': { technology: 'tpm', registers: pcrs },
  })) {
    promise('P2', `${what} alone is not denied, since many run in it`, async () => {
      const { deny, list } = await office();
      const before = list();
      written({ ...entry, ...common });
      const { code, stderr } = await deny('--measurement', 'v.json');
      expect([code, stderr]).toEqual([2, expect.stringContaining(`deny the manifest ${common.manifestDigest}`)]);
      expect(list()).toEqual(before);
    });
  }
});

promise('P2', 'what was denied before is denied after any further entries', () => {
  const registers = fc.dictionary(fc.constantFrom('mrtd', 'rtmr0', 'rtmr1'), fc.constantFrom('01', '02'), {
    minKeys: 1,
  });
  const application = fc.constantFrom('notes', 'mail');
  const number = fc.integer({ min: 2, max: 6 });
  const added: fc.Arbitrary<Entries> = fc.oneof(
    fc.record({ manifest: fc.constantFrom('a', 'b', 'c') }).map((one) => ({ denied: [one], minimum: [] })),
    fc.record({ technology: fc.constant('tdx'), registers }).map((one) => ({ denied: [one], minimum: [] })),
    fc.record({ application, below: number }).map((one) => ({ denied: [one], minimum: [] })),
    fc.record({ application, number }).map((one) => ({ denied: [], minimum: [one] })),
  );
  fc.assert(
    fc.property(fc.array(added, { maxLength: 20 }), (steps) => {
      let list: Entries = { denied: [], minimum: [] };
      for (const step of steps) {
        let next: Entries;
        try {
          next = withEntries(list, step);
        } catch (error) {
          expect((error as { code: string }).code).toMatch(/^denylist\.(?:same|minimum)$/);
          continue;
        }
        expect(next.denied.slice(0, list.denied.length)).toEqual(list.denied);
        for (const { application: name, number: least } of list.minimum) {
          expect(next.minimum.find((one) => one.application === name)?.number).toBeGreaterThanOrEqual(least);
        }
        expect(next).not.toEqual(list);
        list = next;
      }
    }),
  );
});

const wrong: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'nothing to deny': [[], /expected what to deny: --manifest, --measurement, --below or --minimum/],
  'another name': [['--name', 'other', '--minimum', 'notes:3'], /is the deny-list "acme", and keeps its name/],
  'a manifest that is on it': [['--manifest', DIGEST], /the manifest (?:ab)+ is on the list already/],
  'the same twice': [['--below', 'notes:5', '--below', 'notes:4'], /notes below 4 is on the list already/],
  'a lower least number': [['--minimum', 'notes:5', '--minimum', 'notes:4'], /and 4 would take that back/],
  'an equal least number': [['--minimum', 'notes:5', '--minimum', 'notes:5'], /number 5 as the least of notes is on/],
  'a short digest': [['--manifest', 'abcd'], /cannot read abcd: no such file/],
  'a manifest that is none': [['--manifest', 'l.json'], /l\.json is not valid/],
  'a manifest that is no JSON': [['--manifest', 'ada.pem'], /not strict JSON/],
  'reference values of none': [['--measurement', 'none.json'], /cannot read none\.json/],
  'reference values that are none': [['--measurement', 'l.json'], /l\.json is not valid/],
  'no number': [['--below', 'notes'], /--below: expected the application's name, ":" and a manifest number/],
  'a number of zero': [['--minimum', 'notes:0'], /--minimum: expected the application's name.*found "notes:0"/],
  'nothing below': [['--below', 'notes:1'], /a manifest number of at least 2, such as notes:5, found "notes:1"/],
  'a number too large': [['--minimum', 'notes:9007199254740993'], /--minimum: expected/],
  'a bad application': [['--minimum', 'no tes:3'], /--minimum: expected/],
  'an equals sign': [['--minimum', 'notes=3'], /--minimum: expected/],
  'a reason of two lines': [['--below', 'notes:5', '--reason', 'a\nb'], /--reason: expected one line of at most 200/],
  'a long reason': [['--below', 'notes:5', '--reason', 'x'.repeat(201)], /--reason: expected one line/],
  'a reason that steers terminals': [['--below', 'notes:5', '--reason', '\u001b[2J'], /--reason: expected one line/],
  'a reason for a least number': [['--minimum', 'notes:5', '--reason', 'x'], /--reason is for --manifest/],
  'a key that is none': [['--minimum', 'notes:5', '--owner-key', 'l.json'], /is not an Ed25519 private key/],
  'a flag of make': [['--minimum', 'notes:5', '--from', `${DIGEST}:3`], /--from is for "vitrine release make"/],
  'a log': [['--minimum', 'notes:5', '--log', 'x.json'], /--log is for "vitrine release witness"/],
};
for (const [what, [args, message]] of Object.entries(wrong)) {
  promise('P2', `deny with ${what} changes nothing`, async () => {
    const { deny } = await office();
    const before = readFileSync('l.json', 'utf8');
    const { code, stdout, stderr } = await deny(...args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    expect(readFileSync('l.json', 'utf8')).toBe(before);
    expect(readdirSync('.').toSorted()).toEqual(['ada.pem', 'bob.pem', 'l.json']);
  });
}

for (const [what, [action, ...more], message] of [
  ['a list that is not there', ['sign', 'none.json', '--owner-key', 'ada.pem'], /cannot read none\.json: no such file/],
  ['a mistyped list', ['deny', 'none.json', '--minimum', 'notes:5'], /there is no none\.json; to begin a list/],
  [
    'a list in no folder',
    ['deny', 'none/l.json', '--name', 'acme'],
    /cannot write none\/l\.json: there is no such folder/,
  ],
  ['a bad name', ['deny', 'none.json', '--name', 'Acme!'], /--name: expected a name of at most 64 lower-case letters/],
  ['no file', ['deny', '--name', 'acme'], /expected the file of the deny-list/],
  [
    'a list for witnesses',
    ['witness', 'l.json', '--owner-key', 'ada.pem', '--log', 'log.json'],
    /l\.json is not valid/,
  ],
  ['a manifest to show a list', ['show', 'l.json', '--manifest', 'm.json'], /--manifest is for a release, and l\.json/],
  [
    'two manifests to show',
    ['show', 'l.json', '--manifest', 'm.json', '--manifest', 'm.json'],
    /--manifest is given 2/,
  ],
  [
    'a name to sign',
    ['sign', 'l.json', '--owner-key', 'ada.pem', '--name', 'acme'],
    /--name is for "vitrine release deny"/,
  ],
  ['a folder', ['deny', '.', '--minimum', 'notes:5'], /cannot read \.: it is a folder/],
] as const) {
  promise('P2', `release with ${what} makes no file`, async () => {
    const { run } = await office();
    const before = readFileSync('l.json', 'utf8');
    const { code, stdout, stderr } = await run('release', action, ...more);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    expect(readFileSync('l.json', 'utf8')).toBe(before);
    expect(readdirSync('.').toSorted()).toEqual(['ada.pem', 'bob.pem', 'l.json']);
  });
}

describe('a list that', () => {
  const changes: Readonly<Record<string, readonly [(text: string) => string, RegExp]>> = {
    'lost an entry after it was signed': [
      (text) => text.replace(/"denied": \[[^\]]*\]/, '"denied": []'),
      /the signature of [0-9a-f]{64} in l\.json does not verify, so it was changed after it was signed/,
    ],
    'has a number that was put back': [(text) => text.replace('"number": 1', '"number": 9'), /does not verify/],
    'is cut off': [(text) => text.slice(0, 200), /not strict JSON/],
    'says a thing twice': [(text) => text.replace('"number": 1,', '"number": 1,"number": 1,'), /not strict JSON/],
    'is of another form': [(text) => text.replace('"number": 1', '"number": 0'), /is not valid/],
    'is too large': [(text) => text + ' '.repeat(MAX_DENY_LIST_BYTES), /is larger than/],
  };
  for (const [what, [change, message]] of Object.entries(changes)) {
    promise('P2', `${what} is neither added to nor signed`, async () => {
      const { deny, run } = await office();
      writeFileSync('l.json', change(readFileSync('l.json', 'utf8')));
      const before = readFileSync('l.json', 'utf8');
      for (const { code, stderr } of [
        await deny('--minimum', 'notes:5'),
        await run('release', 'sign', 'l.json', '--owner-key', 'bob.pem'),
      ]) {
        expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
      }
      expect(readFileSync('l.json', 'utf8')).toBe(before);
    });
  }

  promise('P2', 'would become too large to be read is not written', async () => {
    const { deny, list } = await office();
    const { signatures: _, ...rest } = list();
    const many = Array.from({ length: 8_500 }, (_none, index) => ({ manifest: index.toString(16).padStart(96, '0') }));
    writeFileSync('l.json', JSON.stringify({ ...rest, denied: many, signatures: [] }));
    const before = readFileSync('l.json', 'utf8');
    const { code, stderr } = await deny('--minimum', 'notes:5');
    expect([code, stderr]).toEqual([2, expect.stringContaining('l.json would be larger than')]);
    expect(readFileSync('l.json', 'utf8')).toBe(before);
  });

  promise('P2', 'has the highest number has no next one', async () => {
    const { deny, list } = await office();
    writeFileSync('l.json', JSON.stringify({ ...list(), number: Number.MAX_SAFE_INTEGER, signatures: [] }));
    expect(await deny('--minimum', 'notes:5')).toMatchObject({ code: 2, stderr: expect.stringContaining('number:') });
    expect(list().number).toBe(Number.MAX_SAFE_INTEGER);
  });

  promise('P2', 'is behind a link is changed where it is', async () => {
    const { list, run } = await office();
    symlinkSync('l.json', 'link.json');
    expect(await run('release', 'deny', 'link.json', '--minimum', 'notes:5')).toMatchObject({ code: 0 });
    expect(list().number).toBe(2);
    expect(realpathSync('link.json')).toBe(realpathSync('l.json'));
  });
});
