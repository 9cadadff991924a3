import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Release, type UpgradePolicy, upgradeShape } from '@vitrine/documents';
import { exclusively } from '@vitrine/keys';
import { afterEach, beforeEach, describe, expect, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Ended, freshPlace, type Place } from '../testing/in-process.ts';

const GREETER = fileURLToPath(new URL('../../../../test/fixtures/greeter', import.meta.url));
const SEEN = '2026-11-23T09:00:00Z';
const LATER = '2026-11-30T09:00:00Z';
const at = (time: string): void => void vi.setSystemTime(new Date(time));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(SEEN) });
});
afterEach(() => {
  vi.useRealTimers();
});

type Who = 'ada' | 'bob' | 'una' | 'vic' | 'eve';

interface Desk extends Place {
  readonly keys: Readonly<Record<Who, string>>;
  readonly policy: UpgradePolicy;
  /** Digest and number of the manifest before. */
  readonly former: { readonly manifest: string; readonly number: number };
  release(): Release;
  witness(who: Who, ...more: readonly string[]): Promise<Ended>;
}

/** A configuration that waits a week for one of two witnesses, and a release from it that is signed. */
async function desk(change: object = {}): Promise<Desk> {
  const place = freshPlace();
  const made: Partial<Record<Who, string>> = {};
  for (const who of ['ada', 'bob', 'una', 'vic', 'eve'] as const) {
    made[who] = (await place.run('secrets', 'keygen', `${who}.pem`)).stdout.trim();
  }
  const keys = made as Record<Who, string>;
  const written = {
    kind: 'signed',
    keys: [keys.ada, keys.bob],
    threshold: 2,
    minDelay: 604_800,
    witnesses: { keys: [keys.una, keys.vic], threshold: 1 },
    ...change,
  };
  const policy = upgradeShape.parse(JSON.parse(JSON.stringify(written)));
  if (!policy.ok) throw new Error(JSON.stringify(policy.issues));
  const configure = (number: number): void =>
    writeFileSync(
      'vitrine.yaml',
      `name: desk\nnumber: ${number}\nserver: ${JSON.stringify(`path:${GREETER}`)}\nstore: sealed\nupgrade: ${JSON.stringify(policy.value)}\n`,
    );
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await place.run(...args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };
  configure(3);
  writeFileSync('former.json', await run('config', 'show'));
  const former = { manifest: (await run('config', 'hash')).trim(), number: 3 };
  configure(4);
  await run('release', 'make', 'r.json', '--from', `${former.manifest}:3`);
  for (const who of ['ada', 'bob']) await run('release', 'sign', 'r.json', '--owner-key', `${who}.pem`);
  return {
    ...place,
    keys,
    policy: policy.value,
    former,
    release: () => JSON.parse(readFileSync('r.json', 'utf8')) as Release,
    witness: (who, ...more) =>
      place.run('release', 'witness', 'r.json', '--owner-key', `${who}.pem`, '--log', `${who}.json`, ...more),
  };
}

const MANIFEST = ['--manifest', 'former.json'] as const;
const logOf = (who: Who): unknown => JSON.parse(readFileSync(`${who}.json`, 'utf8'));

promise('P4', 'a witness notes the first sight once, and says later what time it is then', async () => {
  const { keys, release, run, witness, former } = await desk();
  const unwitnessed = release();
  const first = await witness('una', ...MANIFEST);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toBe(
    `${keys.una}\nsaw r.json first at ${SEEN}\nand says that it is ${SEEN} now\n7 days have passed at ${LATER}; run this again then\n`,
  );
  const { witnessed, ...rest } = release();
  expect(rest).toEqual(unwitnessed);
  expect(witnessed).toMatchObject([{ key: keys.una, firstSeen: SEEN, stated: SEEN }]);
  const log = logOf('una');
  expect(log).toMatchObject({
    type: 'vitrine/witness-log/v1',
    witness: keys.una,
    seen: [{ name: 'desk', from: former, to: unwitnessed.to, firstSeen: SEEN, release: witnessed?.[0]?.release }],
  });

  at(LATER);
  expect(await witness('una')).toMatchObject({ code: 0, stdout: expect.stringContaining(`it is ${LATER} now\n`) });
  expect(release().witnessed).toMatchObject([{ key: keys.una, firstSeen: SEEN, stated: LATER }]);
  expect(logOf('una')).toEqual({ ...(log as object), latest: LATER });
  const { stdout } = await run('release', 'show', 'r.json', ...MANIFEST);
  expect(stdout).toContain('2 of 2 listed keys have signed it; 2 have to\n');
  expect(stdout).toContain(
    `witness ${keys.una}\n  saw it at ${SEEN}; the delay has ended, at ${LATER}\nwitness ${keys.vic}\n  has not stated that it saw it\n`,
  );
  expect(stdout).toContain('1 of 2 witnesses say that the delay has passed; 1 have to\n');
  expect(stdout).toContain('it takes 2 of 2 release keys, 7 days after 1 of 2 witnesses have seen the release\n');
});

promise('P4', 'each witness has its own statement, and signatures that come later change none', async () => {
  const { keys, release, run, witness } = await desk({ threshold: 1 });
  await witness('una', ...MANIFEST);
  at('2026-11-24T09:00:00Z');
  const json = await witness('vic', ...MANIFEST, '--json');
  expect(JSON.parse(json.stdout)).toEqual(release());
  expect(release().witnessed).toMatchObject([
    { key: keys.una, firstSeen: SEEN, stated: SEEN },
    { key: keys.vic, firstSeen: '2026-11-24T09:00:00Z', stated: '2026-11-24T09:00:00Z' },
  ]);
  const before = release().witnessed;
  await run('release', 'sign', 'r.json', '--owner-key', 'eve.pem');
  expect(release().witnessed).toEqual(before);
  const shown = JSON.parse((await run('release', 'show', 'r.json', ...MANIFEST, '--json')).stdout);
  expect(shown).toMatchObject({
    threshold: 1,
    witnessed: [{ key: keys.una }, { key: keys.vic }],
    delay: { seconds: 604_800, threshold: 1 },
  });
  expect(shown.delay.witnesses).toContainEqual({
    key: keys.una,
    state: 'waiting',
    firstSeen: SEEN,
    stated: SEEN,
    ends: LATER,
  });
});

promise('P4', 'a lost log means a later sight, and never takes back an earlier statement', async () => {
  const { release, witness, run } = await desk();
  await witness('una', ...MANIFEST);
  const said = release();
  at(LATER);
  const other = ['release', 'witness', 'r.json', '--owner-key', 'una.pem', '--log', 'new.json', ...MANIFEST];
  const lost = await run(...other);
  expect([lost.code, lost.stderr]).toEqual([
    2,
    expect.stringMatching(/first at 2026-11-23T09:00:00Z.*never; name the/),
  ]);
  expect(release()).toEqual(said);
  expect(readdirSync('.')).not.toContain('new.json');
  writeFileSync('r.json', JSON.stringify({ ...said, witnessed: [] }));
  expect((await run(...other)).code).toBe(0);
  expect(release().witnessed).toMatchObject([{ firstSeen: LATER, stated: LATER }]);
  // The release with the earlier statement does not fit this log.
  writeFileSync('r.json', JSON.stringify(said));
  expect((await run(...other)).stderr).toContain(`and by new.json at ${LATER}`);
  expect(release()).toEqual(said);
});

promise('P4', 'a statement in a witness’s name that is not its own is replaced, and counts nothing', async () => {
  const { keys, release, witness, run } = await desk();
  await witness('una', ...MANIFEST);
  const [own] = release().witnessed ?? [];
  if (own === undefined) throw new Error('no statement');
  const early = { ...own, firstSeen: '2020-01-01T00:00:00Z' };
  writeFileSync('r.json', JSON.stringify({ ...release(), witnessed: [early] }));
  expect((await run('release', 'show', 'r.json', ...MANIFEST)).stdout).toContain(
    `witness ${keys.una}\n  INVALID statement: its signature does not verify\n`,
  );
  expect((await run('release', 'show', 'r.json')).stdout).toContain('  INVALID statement: its signature');
  expect((await witness('una')).code).toBe(0);
  expect(release().witnessed).toEqual([own]);
});

describe('a witness', () => {
  type Set = (here: Desk) => unknown;
  const nothing: Set = () => undefined;
  const after: Readonly<
    Record<
      string,
      {
        readonly change?: object;
        readonly set?: Set;
        readonly more?: readonly string[];
        readonly says: RegExp;
        readonly who?: Who;
      }
    >
  > = {
    'without the former manifest': { more: [], says: /expected --manifest FILE at the first sight/ },
    'with another manifest': {
      set: async ({ run }) => writeFileSync('former.json', (await run('config', 'show')).stdout),
      says: /former\.json has number 4, .* and the release starts from number 3/,
    },
    'with a manifest that was changed': {
      set: ({ keys }) => {
        const manifest = JSON.parse(readFileSync('former.json', 'utf8'));
        manifest.upgrade.witnesses.keys = [keys.eve];
        writeFileSync('former.json', JSON.stringify(manifest));
      },
      says: /and the release starts from/,
      who: 'eve',
    },
    'that is not listed': { who: 'eve', says: /is not one of the witnesses of the former manifest/ },
    'with a release key': { who: 'ada', says: /is not one of the witnesses/ },
    'of a manifest without delay': {
      change: { minDelay: undefined, witnesses: undefined },
      says: /has no delay that witnesses enforce/,
    },
    'of a delay without witnesses': { change: { witnesses: undefined }, says: /has no delay that witnesses enforce/ },
    'of a release that too few have signed': {
      set: ({ release }) => {
        const { signatures, ...rest } = release();
        writeFileSync('r.json', JSON.stringify({ ...rest, signatures: signatures.slice(1) }));
      },
      says: /1 of 2 listed keys have signed it, and 2 have to/,
    },
    'of a release with a wrong signature': {
      set: ({ release }) => {
        const { signatures, ...rest } = release();
        const wrong = signatures.map(({ key }) => ({ key, signature: signatures[0]?.signature }));
        writeFileSync('r.json', JSON.stringify({ ...rest, signatures: wrong }));
      },
      says: /the signature of [0-9a-f]{64} does not verify/,
    },
    'of something else': { set: () => writeFileSync('r.json', '{}'), says: /r\.json is not valid/ },
    'with the log of another': {
      set: ({ witness }) => witness('vic', ...MANIFEST).then(() => writeFileSync('una.json', readFileSync('vic.json'))),
      says: /it is the log of the witness [0-9a-f]{64}, not of/,
    },
    'with a damaged log': { set: () => writeFileSync('una.json', '{"type":'), says: /una\.json:1:9: not strict JSON/ },
    'with an empty log': { set: () => writeFileSync('una.json', ''), says: /una\.json:1:1: not strict JSON/ },
    'with a log that is a link': { set: () => symlinkSync('nowhere', 'una.json'), says: /not an ordinary file/ },
    'with a log that is a folder': { set: () => mkdirSync('una.json'), says: /not an ordinary file/ },
  };
  for (const [what, { change, set = nothing, more = MANIFEST, says, who = 'una' }] of Object.entries(after)) {
    promise('P4', `${what} states nothing`, async () => {
      const here = await desk(change);
      await set(here);
      const before = readFileSync('r.json', 'utf8');
      const { code, stdout, stderr } = await here.witness(who, ...more);
      expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(says) });
      expect(readFileSync('r.json', 'utf8')).toBe(before);
      expect(readdirSync('.').filter((name) => name.includes('.tmp'))).toEqual([]);
    });
  }

  promise('P4', 'whose clock was set back states nothing', async () => {
    const { release, witness } = await desk();
    at(LATER);
    await witness('una', ...MANIFEST);
    const before = [release(), logOf('una')];
    at('2026-11-30T08:59:59Z');
    const { code, stderr } = await witness('una');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/the clock here says 2026-11-30T08:59:59Z, and/)]);
    writeFileSync('r.json', JSON.stringify({ ...release(), witnessed: [] }));
    expect((await witness('una')).stderr).toContain('una.json has noted 2026-11-30T09:00:00Z before');
    expect(logOf('una')).toEqual(before[1]);
  });

  promise('P4', 'whose clock is behind what it has said notes no other release as seen that early', async () => {
    const { former, run, witness } = await desk();
    await witness('una', ...MANIFEST);
    at(LATER);
    await witness('una');
    const before = logOf('una');
    writeFileSync('vitrine.yaml', readFileSync('vitrine.yaml', 'utf8').replace('number: 4', 'number: 5'));
    await run('release', 'make', 'next.json', '--from', `${former.manifest}:3`);
    for (const who of ['ada', 'bob']) await run('release', 'sign', 'next.json', '--owner-key', `${who}.pem`);
    at('2026-11-24T09:00:00Z');
    const note = ['release', 'witness', 'next.json', '--owner-key', 'una.pem', '--log', 'una.json', ...MANIFEST];
    expect(await run(...note)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`una.json has noted ${LATER}`),
    });
    expect(logOf('una')).toEqual(before);
  });

  promise('P4', 'whose clock was reset notes nothing, also in a new log', async () => {
    const { witness } = await desk();
    at('1970-01-01T00:00:10Z');
    expect(await witness('una', ...MANIFEST)).toMatchObject({ code: 2, stderr: expect.stringContaining('no release') });
    expect(readdirSync('.')).not.toContain('una.json');
  });

  promise('P4', 'whose log was moved to other times states nothing', async () => {
    const { release, witness } = await desk();
    await witness('una', ...MANIFEST);
    const before = readFileSync('r.json', 'utf8');
    at(LATER);
    for (const firstSeen of ['2026-11-22T09:00:00Z', '2026-11-24T09:00:00Z']) {
      writeFileSync(
        'una.json',
        readFileSync('una.json', 'utf8').replace(/"firstSeen": "[^"]+"/, `"firstSeen": "${firstSeen}"`),
      );
      expect((await witness('una')).stderr).toContain(`first at ${SEEN}, and by una.json at ${firstSeen}`);
      expect(readFileSync('r.json', 'utf8')).toBe(before);
    }
    expect(release().witnessed).toMatchObject([{ firstSeen: SEEN }]);
  });

  promise('P4', 'keeps what it has noted before', async () => {
    const { run, witness } = await desk();
    await witness('una', ...MANIFEST);
    const [first] = (logOf('una') as { readonly seen: readonly unknown[] }).seen;
    at(LATER);
    const { to, ...rest } = JSON.parse(readFileSync('r.json', 'utf8')) as Release;
    writeFileSync('r.json', JSON.stringify({ ...rest, to: { ...to, number: 9 }, signatures: [], witnessed: [] }));
    for (const who of ['ada', 'bob']) await run('release', 'sign', 'r.json', '--owner-key', `${who}.pem`);
    expect((await witness('una', ...MANIFEST)).code).toBe(0);
    expect((logOf('una') as { readonly seen: readonly unknown[] }).seen).toMatchObject([
      first,
      { to: { number: 9 }, firstSeen: LATER },
    ]);
  });

  promise('P4', 'waits for nobody who has its log', async () => {
    const { directory, witness } = await desk();
    const { code, stderr } = await exclusively(join(directory, 'una.json.lock'), () => witness('una', ...MANIFEST));
    expect([code, stderr]).toEqual([2, expect.stringContaining('another process changes')]);
    expect(readdirSync('.')).not.toContain('una.json');
    expect((await witness('una', ...MANIFEST)).code).toBe(0);
  });

  promise('P4', 'with a log in no folder states nothing', async () => {
    const { run } = await desk();
    const args = ['release', 'witness', 'r.json', '--owner-key', 'una.pem', '--log', 'none/seen.json', ...MANIFEST];
    expect(await run(...args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('none/seen.json.lock cannot'),
    });
  });

  for (const args of [
    ['--owner-key', 'una.pem'],
    ['--log', 'una.json'],
  ]) {
    promise('P4', `with ${args[0]} alone states nothing`, async () => {
      const { run } = await desk();
      const { code, stderr } = await run('release', 'witness', 'r.json', ...args);
      expect([code, stderr]).toEqual([
        2,
        expect.stringContaining('expected --owner-key FILE, the key of this witness'),
      ]);
    });
  }
});

describe('what is shown', () => {
  promise('P3', 'without the former manifest is what was said, and that nobody here knows who counts', async () => {
    const { keys, run, witness } = await desk();
    await witness('una', ...MANIFEST);
    const { stdout } = await run('release', 'show', 'r.json');
    expect(stdout).toContain(`witness ${keys.una}\n  saw it at ${SEEN}, and stated so at ${SEEN}\n`);
    expect(stdout).toContain('name it with --manifest');
    expect(stdout.split('\n').filter((line) => line.length > 80 && !/[0-9a-f]{64}/.test(line))).toHaveLength(1);
  });

  promise('P3', 'says of a delay that nobody enforces that it is not', async () => {
    const { run } = await desk({ witnesses: undefined });
    const { stdout } = await run('release', 'show', 'r.json', ...MANIFEST);
    expect(stdout).toContain('it takes 2 of 2 release keys; the delay of 7 days is not enforced');
  });

  promise('P3', 'says of a witness that is not listed that it does not count', async () => {
    const { keys, release, run, witness } = await desk();
    await witness('una', ...MANIFEST);
    const foreign = (release().witnessed ?? []).map((one) => ({ ...one, key: keys.eve }));
    writeFileSync('r.json', JSON.stringify({ ...release(), witnessed: foreign }));
    expect((await run('release', 'show', 'r.json', ...MANIFEST)).stdout).toContain(
      `witness ${keys.eve}\n  is not listed and does not count\n`,
    );
  });

  promise('P3', 'names the images that a release admits, which are signed with it', async () => {
    const { run, release, former } = await desk();
    const { to } = release();
    const entry = (manifestDigest: string, mrtd: string): object => ({
      technology: 'tdx',
      registers: {
        mrtd,
        rtmr0: '02'.repeat(48),
        rtmr1: '03'.repeat(48),
        rtmr2: '04'.repeat(48),
        rtmr3: '05'.repeat(48),
      },
      shape: 'small',
      computedBy: 'a test',
      manifestDigest,
    });
    const values = (...entries: readonly object[]): string =>
      JSON.stringify({ type: 'vitrine/reference-values/v1', release: '1', entries });
    writeFileSync('next.json', values(entry(to.manifest, '11'.repeat(48)), entry(to.manifest, '11'.repeat(48))));
    writeFileSync('old.json', values(entry(former.manifest, '10'.repeat(48))));
    writeFileSync('foreign.json', values(entry('ee'.repeat(48), '10'.repeat(48))));
    const make = (...more: readonly string[]): Promise<Ended> =>
      run('release', 'make', 'm.json', '--from', `${former.manifest}:3`, ...more);
    const foreign = await make('--measurement', 'next.json', '--measurement', 'foreign.json');
    expect([foreign.code, foreign.stderr]).toEqual([
      2,
      expect.stringContaining('foreign.json has reference values for'),
    ]);
    expect((await make('--measurement', 'next.json', '--measurement', 'old.json')).code).toBe(0);
    const made = JSON.parse(readFileSync('m.json', 'utf8')) as Release;
    expect(made.to.measurements).toMatchObject([{ technology: 'tdx', registers: { mrtd: '11'.repeat(48) } }]);
    expect(made.from.measurements).toMatchObject([{ technology: 'tdx', registers: { mrtd: '10'.repeat(48) } }]);
    await run('release', 'sign', 'm.json', '--owner-key', 'ada.pem');
    const { stdout } = await run('release', 'show', 'm.json');
    expect(stdout).toContain(`in these images only:\n  tdx\n    mrtd ${'11'.repeat(48)}\n`);
    expect(stdout).toContain(`which ran in these images:\n  tdx\n    mrtd ${'10'.repeat(48)}\n`);
    writeFileSync('m.json', readFileSync('m.json', 'utf8').replace('11'.repeat(48), '12'.repeat(48)));
    expect((await run('release', 'show', 'm.json')).stdout).toContain('INVALID signature');
  });

  promise('P4', 'warns of a root whose secret does not survive the upgrade', async () => {
    const { former, home, policy, run } = await desk();
    const source = { boundTo: 'x', derivableBy: [], sharedByReplicas: false };
    mkdirSync(join(home, 'keys/desk'), { recursive: true });
    const slot = {
      appId: 'desk',
      rootId: '01'.repeat(32),
      manifestDigest: former.manifest,
      manifestNumber: former.number,
      upgrade: policy,
      sources: [
        { kind: 'snp-derived', survivesUpgrade: false, ...source },
        { kind: 'share', survivesUpgrade: true, ...source },
      ],
      salt: '02'.repeat(32),
      sealed: '03'.repeat(48),
    };
    writeFileSync(
      join(home, 'keys/desk/keyslots.json'),
      JSON.stringify({ type: 'vitrine/keyslots/v1', slots: [slot] }),
    );
    const warning = /wrapped under snp-derived, whose secret does not survive an upgrade:\n.*--root-from snp-derived/s;
    expect((await run('release', 'show', 'r.json')).stdout).toMatch(warning);
    expect((await run('release', 'make', 'again.json')).stderr).toMatch(warning);
    expect((await run('release', 'show', 'r.json')).stdout).not.toContain('name it with --manifest');
  });
});
