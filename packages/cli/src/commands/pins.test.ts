import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Pin, pinsFile, writePin } from '@vitrine/client';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { readListedPage } from '../../../client/src/catalogue/canonical.ts';
import { pinCatalogue } from '../../../client/src/catalogue/pinned-catalogue.ts';
import { MANIFEST } from '../../../client/src/testing/evidence.ts';
import { exactPin, SOURCE_PIN } from '../../../client/src/testing/pin-fixtures.ts';
import { freshPlace, type Place } from '../testing/in-process.ts';

const BANK = 'https://bank.example/mcp';
const OTHER = 'https://other.example/mcp';
const catalogueOf = (description: string): NonNullable<Pin['catalogue']> =>
  pinCatalogue(readListedPage({ tools: [{ name: 'pay', description }] }).tools);

async function placeWith(pins: Readonly<Record<string, Pin>>): Promise<Place> {
  const place = freshPlace();
  for (const [url, pin] of Object.entries(pins)) await writePin(pinsFile(place.home), url, pin);
  return place;
}

test('ls lists, in few words or as one object', async () => {
  const place = await placeWith({
    [OTHER]: { ...SOURCE_PIN, simulated: true },
    [BANK]: { ...exactPin(), catalogue: catalogueOf('Pays') },
  });
  expect(await place.run('pins', 'ls')).toEqual({
    code: 0,
    stdout: `${BANK}\n  exactly this code, number 3, 1 tool, since 2026-01-31\n${OTHER}\n  by source, number 2 or later, number 3, tools not seen yet, since 2026-01-31, SIMULATED\n`,
    stderr: '',
  });
  const { stdout } = await place.run('pins', 'ls', '--json');
  const { pins } = JSON.parse(stdout) as { pins: Record<string, Pin> };
  expect(Object.keys(pins).sort()).toEqual([BANK, OTHER]);
  expect(pins[BANK]?.catalogue?.tools['pay']?.definition).toEqual({ name: 'pay', description: 'Pays' });
});

test('ls without pins says so, and is no error', async () => {
  const { code, stdout, stderr } = await freshPlace().run('pins', 'ls');
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toContain('nothing is pinned yet');
});

promise('P3', 'show says what is accepted, in clean text', async () => {
  const server = { ...MANIFEST.server, environment: { MODE: 'a\u001b[2J\u202eb' } };
  const place = await placeWith({ [BANK]: exactPin({ manifest: { server } }) });
  const { code, stdout } = await place.run('pins', 'show', 'https://BANK.example:443/mcp');
  expect(code).toBe(0);
  for (const line of ['Image', '  command: "test-server"', '  args: []', '  none declared', '  tools: not stated']) {
    expect(stdout.split('\n')).toContain(line);
  }
  expect(stdout).not.toMatch(/[\u001b\u202e]/);
  const { stdout: json } = await place.run('pins', 'show', BANK, '--json');
  expect(JSON.parse(json)).toMatchObject({ url: BANK, pin: { manifest: { server } } });
});

test('an unknown URL names the nearest one', async () => {
  const place = await placeWith({ [BANK]: exactPin() });
  for (const action of ['show', 'rm']) {
    const { code, stderr } = await place.run(
      'pins',
      action,
      'https://bnak.example/mcp',
      ...(action === 'rm' ? ['--yes'] : []),
    );
    expect(code).toBe(2);
    expect(stderr).toContain(`did you mean ${BANK}?`);
  }
  expect((await place.run('pins', 'show', 'https://x.test/')).stderr).toContain('vitrine pins ls');
});

promise('P2', 'rm asks, and removes only what was named', async () => {
  const place = await placeWith({ [BANK]: exactPin(), [OTHER]: exactPin() });
  const file = pinsFile(place.home);
  const before = readFileSync(file, 'utf8');
  const unattended = await place.run('pins', 'rm', BANK);
  expect(unattended.code).toBe(2);
  expect(unattended.stderr).toContain('exactly this code');
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(await place.run('pins', 'rm', BANK, '--yes')).toMatchObject({
    code: 0,
    stdout: `${BANK} is no longer pinned\n`,
  });
  const { stdout } = await place.run('pins', 'rm', OTHER, '--yes', '--json');
  expect(JSON.parse(stdout)).toEqual({ type: 'vitrine/pin-removed/v1', url: OTHER, removed: true });
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ type: 'vitrine/pins/v1', pins: {} });
});

promise('P2', 'a damaged file stops every action and stays as it is', async () => {
  const place = await placeWith({ [BANK]: exactPin() });
  const file = pinsFile(place.home);
  writeFileSync(file, '{"type":"vitrine/pins/v2","pins":{}}');
  for (const args of [['ls'], ['show', BANK], ['rm', BANK, '--yes'], ['ls', '--json']]) {
    expect((await place.run('pins', ...args)).code).toBe(2);
  }
  expect(readFileSync(file, 'utf8')).toBe('{"type":"vitrine/pins/v2","pins":{}}');
});

const wrong: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'no action': [[], /expected ls, show, rm or deny/],
  'an unknown action': [['lst'], /did you mean "ls"/],
  'no URL': [['show'], /expected the URL/],
  'one URL too many': [['show', BANK, OTHER], /unexpected argument/],
  'a URL after ls': [['ls', BANK], /unexpected argument/],
  '--yes elsewhere': [['ls', '--yes'], /--yes is for/],
  'no URL at all': [['show', 'bank'], /bank/],
};
for (const [what, [args, message]] of Object.entries(wrong)) {
  test(`pins with ${what} is wrong usage`, async () => {
    const { code, stderr } = await freshPlace().run('pins', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
}

promise('P3', 'diff shows what changed between two pins, and exits 1', async () => {
  const next = exactPin({ manifest: { number: 4, server: { ...MANIFEST.server, args: ['--all'] } } });
  const place = await placeWith({
    [BANK]: { ...exactPin(), catalogue: catalogueOf('Pays') },
    [OTHER]: { ...next, catalogue: catalogueOf('Pays\u202e me') },
  });
  const { code, stdout } = await place.run('diff', BANK, `pin:${OTHER}`);
  expect(code).toBe(1);
  const lines = stdout.split('\n');
  for (const line of [
    '  args: [] -> ["--all"]',
    '  tool "pay" has changed',
    '  - description: "Pays"',
    '  + description: "Pays\ufffd me"',
    'Egress: the same: none declared',
    'they differ',
  ]) {
    expect(lines).toContain(line);
  }
  const json = JSON.parse((await place.run('diff', BANK, OTHER, '--json')).stdout) as Record<string, unknown>;
  expect(json).toMatchObject({ type: 'vitrine/diff/v1', same: false });
  expect(JSON.stringify(json)).toContain('Pays\u202e me');
});

test('diff of the same exits 0, and of a file with a pin says what cannot be compared', async () => {
  const place = await placeWith({ [BANK]: exactPin() });
  expect(await place.run('diff', BANK, BANK)).toMatchObject({ code: 0, stderr: '' });
  writeFileSync(join(place.directory, 'manifest.json'), JSON.stringify(MANIFEST));
  const { code, stdout } = await place.run('diff', 'manifest.json', BANK);
  expect(code).toBe(1);
  expect(stdout).toContain('registers: cannot be compared: stated by b, not stated by a');
  expect(stdout).toContain('not everything can be compared');
});

for (const [what, args] of Object.entries({
  'one side': [BANK],
  'three sides': [BANK, BANK, BANK],
  'a file that is not there': [BANK, 'nowhere.json'],
  'a server that is not pinned': [BANK, OTHER],
})) {
  test(`diff with ${what} is wrong usage`, async () => {
    const place = await placeWith({ [BANK]: exactPin() });
    expect((await place.run('diff', ...args)).code).toBe(2);
  });
}

const VECTOR = JSON.parse(
  readFileSync(new URL('../../../documents/vectors/deny-list.json', import.meta.url), 'utf8'),
) as { readonly denyList: { readonly signatures: readonly { readonly key: string }[] } };
const [FIRST_KEY = '', SECOND_KEY = ''] = VECTOR.denyList.signatures.map(({ key }) => key);

function placeWithList(): { readonly place: Place; readonly file: string } {
  const place = freshPlace();
  const file = join(place.directory, 'list.json');
  writeFileSync(file, JSON.stringify(VECTOR.denyList));
  return { place, file };
}

promise('P2', 'a deny-list is kept under the keys that are given at first, shown, and forgotten', async () => {
  const { place, file } = placeWithList();
  const first = await place.run('pins', 'deny', file);
  expect(first).toMatchObject({ code: 2, stdout: '' });
  expect(first.stderr).toContain(`--key, from where you trust them; it is signed by ${FIRST_KEY}, ${SECOND_KEY}`);
  const two = ['--key', FIRST_KEY, '--key', SECOND_KEY, '--threshold', '2'];
  expect(await place.run('pins', 'deny', file, ...two)).toEqual({
    code: 0,
    stdout: 'the deny-list "vendor" number 7 of 2026-11-20T09:00:00Z is kept: it applies to every server\n',
    stderr: '',
  });
  expect((await place.run('pins', 'deny', file)).stdout).toContain('is kept already');
  expect((await place.run('pins', 'ls')).stdout).toContain(
    'list:vendor\n  number 7 of 2026-11-20, 4 entries, signed by 2 of 2 keys\n',
  );
  const { stdout } = await place.run('pins', 'show', 'list:vendor');
  for (const line of ['  notes below number 3', '  wallet: number 5 or later', `  ${FIRST_KEY}`]) {
    expect(stdout.split('\n')).toContain(line);
  }
  expect(stdout).toContain('(logs what it is asked)');
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(120);
  expect(JSON.parse((await place.run('pins', 'show', 'list:vendor', '--json')).stdout)).toMatchObject({
    type: 'vitrine/kept-deny-list/v1',
    threshold: 2,
    list: { number: 7 },
  });
  expect(await place.run('pins', 'show', 'list:vendr')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('did you mean list:vendor?'),
  });
  expect(await place.run('pins', 'rm', 'list:vendor', '--yes')).toMatchObject({
    code: 0,
    stdout: 'the deny-list "vendor" is no longer kept\n',
  });
  expect((await place.run('pins', 'deny', file)).code).toBe(2);
});

for (const [what, args, message] of [
  ['no file', ['pins', 'deny'], /expected the file of a deny-list/],
  ['a key that is none', ['pins', 'deny', 'x', '--key', 'AB'], /--key: expected 64 lower-case/],
  ['the same key twice', ['pins', 'deny', 'x', '--key', FIRST_KEY, '--key', FIRST_KEY], /given twice/],
  ['a threshold alone', ['pins', 'deny', 'x', '--threshold', '1'], /give them too/],
  ['a threshold beyond', ['pins', 'deny', 'x', '--key', FIRST_KEY, '--threshold', '2'], /expected 1 to 1/],
  ['keys for another action', ['pins', 'ls', '--key', FIRST_KEY], /--key is for "vitrine pins deny"/],
  ['a file that is not there', ['pins', 'deny', 'none.json', '--key', FIRST_KEY], /cannot read none\.json/],
  ['no list of that name', ['pins', 'rm', 'list:x', '--yes'], /no deny-list "x" is kept/],
] as const) {
  test(`${what} is wrong usage`, async () => {
    const { code, stdout, stderr } = await freshPlace().run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
}

promise('P2', 'a list that was changed after it was signed is not kept', async () => {
  const { place, file } = placeWithList();
  writeFileSync(file, JSON.stringify({ ...VECTOR.denyList, denied: [] }));
  const { code, stderr } = await place.run('pins', 'deny', file, '--key', FIRST_KEY);
  expect(code).toBe(2);
  expect(stderr).toContain('was changed after it was signed');
  expect((await place.run('pins', 'ls')).stdout).toBe('');
});
