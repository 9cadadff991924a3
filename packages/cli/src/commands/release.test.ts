import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Release } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { freshPlace, type Place } from '../testing/in-process.ts';

const GREETER = fileURLToPath(new URL('../../../../test/fixtures/greeter', import.meta.url));
const FROM = `${'ab'.repeat(48)}:3`;
const yaml = (number: number): string =>
  `name: desk\nnumber: ${number}\nserver: ${JSON.stringify(`path:${GREETER}`)}\nstore: sealed\n`;

interface Desk extends Place {
  readonly ada: string;
  readonly bob: string;
  release(): Release;
}

/** A place with a configuration, two release keys and a release from `FROM`. */
async function desk(): Promise<Desk> {
  const place = freshPlace();
  writeFileSync('vitrine.yaml', yaml(4));
  const [ada, bob] = [await place.run('secrets', 'keygen', 'ada.pem'), await place.run('secrets', 'keygen', 'bob.pem')];
  const made = await place.run('release', 'make', 'r.json', '--from', FROM);
  if (made.code !== 0) throw new Error(made.stderr);
  expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('r.json admits number 4, manifest ') });
  return {
    ...place,
    ada: ada.stdout.trim(),
    bob: bob.stdout.trim(),
    release: () => JSON.parse(readFileSync('r.json', 'utf8')) as Release,
  };
}

/** Slots as a key service writes them; nothing here opens them. */
function slots(home: string, upgrade: object, number = 3): void {
  mkdirSync(join(home, 'keys/desk'), { recursive: true });
  const source = { kind: 'simulator', boundTo: 'x', derivableBy: [], survivesUpgrade: true, sharedByReplicas: false };
  const slot = {
    appId: 'desk',
    rootId: '01'.repeat(32),
    manifestDigest: 'ab'.repeat(48),
    manifestNumber: number,
    upgrade,
    sources: [source],
    salt: '02'.repeat(32),
    sealed: '03'.repeat(48),
  };
  writeFileSync(join(home, 'keys/desk/keyslots.json'), JSON.stringify({ type: 'vitrine/keyslots/v1', slots: [slot] }));
}

promise('P3', 'a release names the former manifest and that of the configuration, and is not yet signed', async () => {
  const { run, release } = await desk();
  const digest = (await run('config', 'hash')).stdout.trim();
  expect(release()).toEqual({
    type: 'vitrine/release/v1',
    name: 'desk',
    from: { manifest: 'ab'.repeat(48), number: 3 },
    to: { manifest: digest, number: 4 },
    signatures: [],
  });
  expect((await run('release', 'show', 'r.json')).stdout).toContain('nobody has signed it');
});

promise('P3', 'signatures are added one by one, each key once', async () => {
  const { run, release, ada, bob } = await desk();
  writeFileSync('r.json', readFileSync('r.json'), { mode: 0o640 });
  const mode = statSync('r.json').mode;
  expect(await run('release', 'sign', 'r.json', '--owner-key', 'ada.pem')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${ada} has signed r.json`),
  });
  const once = readFileSync('r.json', 'utf8');
  const again = await run('release', 'sign', 'r.json', '--owner-key', 'ada.pem', '--json');
  expect([again.code, JSON.parse(again.stdout)]).toMatchObject([2, { code: 'release.signed' }]);
  expect(readFileSync('r.json', 'utf8')).toBe(once);
  const both = await run('release', 'sign', 'r.json', '--owner-key', 'bob.pem', '--json');
  expect(JSON.parse(both.stdout)).toEqual(release());
  expect(release().signatures.map(({ key }) => key)).toEqual([ada, bob]);
  expect(statSync('r.json').mode).toBe(mode);
  expect(readdirSync('.').filter((name) => name.includes('.tmp'))).toEqual([]);
  expect(JSON.parse((await run('release', 'show', 'r.json', '--json')).stdout)).toMatchObject({
    type: 'vitrine/release-shown/v1',
    signedBy: [ada, bob],
    invalid: [],
  });
});

promise('P3', 'what is shown of signatures was verified', async () => {
  const { run, release, ada, bob } = await desk();
  await run('release', 'sign', 'r.json', '--owner-key', 'ada.pem');
  await run('release', 'sign', 'r.json', '--owner-key', 'bob.pem');
  const { signatures, ...rest } = release();
  const [first, second] = signatures;
  if (first === undefined || second === undefined) throw new Error('two signatures');
  writeFileSync('r.json', JSON.stringify({ ...rest, signatures: [{ ...first, signature: second.signature }, second] }));
  const { stdout } = await run('release', 'show', 'r.json');
  expect(stdout).toContain(`INVALID signature of ${ada}\n`);
  expect(stdout).toContain(`\nsigned by ${bob}\n`);
  expect(stdout).toContain('not on this machine');
});

describe('with the key slots of this machine', () => {
  promise('P3', 'the former manifest is theirs, and show says which keys count', async () => {
    const { home, run, ada, bob } = await desk();
    slots(home, { kind: 'signed', keys: [ada, '0c'.repeat(32)], threshold: 2 });
    await run('release', 'make', 'here.json');
    expect(JSON.parse(readFileSync('here.json', 'utf8'))).toEqual(JSON.parse(readFileSync('r.json', 'utf8')));
    for (const key of ['ada.pem', 'bob.pem']) await run('release', 'sign', 'here.json', '--owner-key', key);
    const { stdout } = await run('release', 'show', 'here.json');
    expect(stdout).toContain(`signed by ${bob}, which is not listed and does not count`);
    expect(stdout).toContain('1 of 2 listed keys have signed it; 2 have to');
    expect(JSON.parse((await run('release', 'show', 'here.json', '--json')).stdout)).toMatchObject({ threshold: 2 });
  });

  const wrong: Readonly<Record<string, readonly [object, number, string]>> = {
    'a pinned root': [{ kind: 'pinned' }, 3, 'release.pinned'],
    'a number that does not rise': [{ kind: 'signed', keys: ['0c'.repeat(32)], threshold: 1 }, 4, 'release.number'],
    'slots that are damaged': [{ kind: 'any' }, 3, 'keys.slots-damaged'],
  };
  for (const [what, [upgrade, number, code]] of Object.entries(wrong)) {
    promise('P3', `${what}: no release is made`, async () => {
      const { home, run } = await desk();
      slots(home, upgrade, number);
      const made = await run('release', 'make', 'here.json', '--json');
      expect([made.code, JSON.parse(made.stdout).code]).toEqual([2, code]);
      expect(readdirSync('.')).not.toContain('here.json');
    });
  }
});

promise('P3', 'from the same manifest no release is made', async () => {
  const { run } = await desk();
  const digest = (await run('config', 'hash')).stdout.trim();
  const { code, stderr } = await run('release', 'make', 'x.json', '--from', `${digest}:3`);
  expect([code, stderr]).toEqual([2, expect.stringContaining('no release is needed')]);
});

const wrong: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'no action': [[], /expected make, deny, sign, witness or show/],
  'an unknown action': [['sing', 'r.json'], /did you mean "sign"/],
  'no file': [['sign'], /expected the file of the release/],
  'two files': [['show', 'r.json', 'r.json'], /unexpected argument/],
  'a file that is there': [['make', 'r.json', '--from', FROM], /r\.json: it is there already, and is kept/],
  'no root and no --from': [['make', 'x.json'], /there is no root of keys of desk .*--from DIGEST:NUMBER/],
  'a digest without a number': [['make', 'x.json', '--from', 'ab'.repeat(48)], /--from: expected the manifest/],
  'a short digest': [['make', 'x.json', '--from', 'ab:3'], /--from: expected the manifest/],
  'no configuration': [['make', 'x.json', '--config', 'none.yaml'], /cannot read none\.yaml/],
  'no key': [['sign', 'r.json'], /expected --owner-key FILE/],
  'a key that is none': [['sign', 'r.json', '--owner-key', 'vitrine.yaml'], /is not an Ed25519 private key/],
  'a release that is none': [['sign', 'vitrine.yaml', '--owner-key', 'ada.pem'], /vitrine\.yaml:1:1: not strict JSON/],
  'a release that is not there': [['show', 'none.json'], /cannot read none\.json/],
  'a flag of make': [['show', 'r.json', '--from', FROM], /--from is for "vitrine release make"/],
  'a flag of sign': [
    ['make', 'x.json', '--owner-key', 'ada.pem'],
    /--owner-key is for "vitrine release sign" or "vitrine release witness"/,
  ],
  'a flag of witness': [['sign', 'r.json', '--log', 'seen.json'], /--log is for "vitrine release witness"/],
  'a manifest for sign': [['sign', 'r.json', '--manifest', 'm.json'], /--manifest is for "vitrine release witness" or/],
  'measurements of none': [
    ['make', 'x.json', '--from', FROM, '--measurement', 'none.json'],
    /cannot read none\.json: no such file/,
  ],
  'measurements that are none': [['make', 'x.json', '--from', FROM, '--measurement', 'r.json'], /r\.json is not valid/],
};
for (const [what, [args, message]] of Object.entries(wrong)) {
  test(`release with ${what} changes nothing`, async () => {
    const { run } = await desk();
    const before = readFileSync('r.json', 'utf8');
    const { code, stdout, stderr } = await run('release', ...args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    expect(readFileSync('r.json', 'utf8')).toBe(before);
    expect(readdirSync('.')).not.toContain('x.json');
  });
}

for (const [what, file, message] of [
  ['not there', 'none.json', /cannot read none\.json/],
  ['no JSON', 'vitrine.yaml', /vitrine\.yaml:1:1: not strict JSON/],
  ['another document', 'other.json', /other\.json is not valid/],
] as const) {
  promise('P4', `run with a release that is ${what} starts nothing`, async () => {
    const { home, run } = await desk();
    writeFileSync('other.json', '{"type":"vitrine/release/v2"}');
    const { code, stdout, stderr } = await run('run', '--release', file);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    expect(() => statSync(join(home, 'keys'))).toThrow('ENOENT');
  });
}
