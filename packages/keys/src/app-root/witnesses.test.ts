import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  formatUtc,
  parseUtc,
  type Release,
  releaseDigest,
  toHex,
  type UpgradePolicy,
  type WitnessStatement,
} from '@vitrine/documents';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type ReleaseKey, releaseKey, signedBy, statementBy } from '../testing/release-keys.ts';
import { type AppRoot, type AppRootOptions, openAppRoot } from './app-root.ts';
import { formatKeyslots, parseKeyslots } from './keyslot-document.ts';
import { admittedMeasurements, readRelease, requireRelease, type Upgrade } from './release.ts';
import { fixedSource } from './testing/root-sources.ts';
import { enforcedDelay, faultOf, witnessStandings } from './witnesses.ts';

const [ADA, BOB, CYD] = [releaseKey(1), releaseKey(2), releaseKey(3)];
const [UNA, VIC, WIM, EVE] = [releaseKey(11), releaseKey(12), releaseKey(13), releaseKey(19)];
const [D1, D2, D3] = ['ab'.repeat(48), 'cd'.repeat(48), 'ef'.repeat(48)];
const BODY = { name: 'notes', from: { manifest: D1, number: 3 }, to: { manifest: D2, number: 4 } } as const;
const DAY = 86_400;
const WITNESSES = { keys: [UNA.publicKey, VIC.publicKey, WIM.publicKey], threshold: 2 };
const POLICY = {
  kind: 'signed',
  keys: [ADA.publicKey, BOB.publicKey, CYD.publicKey],
  threshold: 2,
  minDelay: 7 * DAY,
  witnesses: WITNESSES,
} as const satisfies UpgradePolicy;

const SEEN = '2026-11-23T09:00:00Z';
const after = (seconds: number): string => formatUtc((parseUtc(SEEN) ?? Number.NaN) + seconds);
type Body = Pick<Release, 'name' | 'from' | 'to'>;
const says = (key: ReleaseKey, seconds = 7 * DAY, body: Body = BODY): WitnessStatement =>
  statementBy(key, body, SEEN, after(seconds));
const witnessed = (...statements: readonly WitnessStatement[]): Release => ({
  ...signedBy(BODY, ADA, CYD),
  witnessed: statements,
});
const upgrade = (policy: UpgradePolicy = POLICY): Upgrade => ({
  appId: 'notes',
  from: { digest: D1, number: 3 },
  to: { digest: D2, number: 4 },
  policy,
});
const judge = (release: unknown, policy?: UpgradePolicy): string => {
  try {
    requireRelease(readRelease(release), upgrade(policy));
    return 'admitted';
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`;
  }
};

describe('a delay', () => {
  promise('P4', 'has passed where enough witnesses say so, whatever the others say', () => {
    expect(judge(witnessed(says(UNA), says(WIM)))).toBe('admitted');
    expect(judge(witnessed(says(UNA), says(VIC), says(WIM)))).toBe('admitted');
    expect(judge(witnessed(says(UNA), says(VIC), says(WIM, 0)))).toBe('admitted');
    expect(judge(witnessed(says(EVE), says(VIC, 90 * DAY), says(WIM)))).toBe('admitted');
  });

  promise('P4', 'is counted on each witness’s own clock, whatever those of others and of this machine say', () => {
    const late = statementBy(VIC, BODY, '2090-01-01T00:00:00Z', '2090-01-08T00:00:00Z');
    const early = statementBy(WIM, BODY, '1999-12-25T00:00:00Z', '2000-01-01T00:00:00Z');
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
    try {
      expect(judge(witnessed(late, early))).toBe('admitted');
      vi.setSystemTime(new Date('2300-01-01T00:00:00Z'));
      expect(judge(witnessed(says(UNA, 7 * DAY - 1), early))).toMatch(/^keys\.release-early /);
    } finally {
      vi.useRealTimers();
    }
  });

  promise('P4', 'once passed stays passed', () => {
    expect(judge(witnessed(says(UNA, 3650 * DAY), says(VIC, 3650 * DAY)))).toBe('admitted');
  });

  const early: Readonly<Record<string, Release>> = {
    'no statement': witnessed(),
    'nothing said of witnesses': signedBy(BODY, ADA, CYD),
    'one witness too few': witnessed(says(UNA)),
    'one second too few': witnessed(says(UNA), says(VIC, 7 * DAY - 1)),
    'a witness that is not listed': witnessed(says(UNA), says(EVE)),
    'release keys as witnesses': witnessed(says(UNA), says(ADA), says(BOB), says(CYD)),
  };
  for (const [what, release] of Object.entries(early)) {
    promise('P4', `with ${what} has not passed`, () => {
      expect(judge(release)).toMatch(/^keys\.release-early .*[01] of 3 witnesses say that 7 days have passed/);
    });
  }

  promise('P4', 'that has not passed says of each witness what is missing', () => {
    const said = judge(witnessed(says(UNA), says(VIC, DAY)));
    expect(said).toContain('1 of 3 witnesses say that 7 days have passed since they saw it, and 2 have to');
    expect(said).toContain(`${VIC.publicKey} saw it at ${SEEN}, so by its clock from 2026-11-30T09:00:00Z on`);
    expect(said).toContain(`${WIM.publicKey} has not stated that it saw it`);
    expect(said).not.toContain(UNA.publicKey);
  });

  const una = says(UNA);
  const other: Body = { ...BODY, to: { manifest: D3, number: 4 } };
  const measured: Body = {
    ...BODY,
    to: { ...BODY.to, measurements: [{ technology: 'tdx', registers: { mrtd: '11'.repeat(48) } }] },
  };
  const refused: readonly [what: string, statement: WitnessStatement, says: RegExp][] = [
    ['of another release', says(UNA, 7 * DAY, other), /UNA: it is of another release/],
    ['of the release without its measurements', says(UNA, 7 * DAY, measured), /UNA: it is of another release/],
    ['that was made to fit', { ...says(UNA, 7 * DAY, other), release: una.release }, /UNA: its signature does not/],
    ['seen earlier than signed', { ...una, firstSeen: after(-1) }, /UNA: its signature does not/],
    ['stated later than signed', { ...una, stated: after(8 * DAY) }, /UNA: its signature does not/],
    ['of a release key under a witness’s name', { ...says(ADA), key: UNA.publicKey }, /UNA: its signature does not/],
    ['of another witness under its name', { ...says(VIC), key: UNA.publicKey }, /UNA: its signature does not/],
    ['stated before it was seen', statementBy(UNA, BODY, after(1), SEEN), /it is none: .*before it was first seen/],
  ];
  for (const [what, statement, message] of refused) {
    promise('P4', `a listed witness’s statement ${what} is refused, also beside enough others`, () => {
      const said = judge(witnessed(says(VIC), says(WIM), statement)).replaceAll(UNA.publicKey, 'UNA');
      expect(said).toMatch(/^keys\.release-refused /);
      expect(said).toMatch(message);
    });
  }

  promise('P4', 'a signature of the release is no statement, and a statement is no signature', () => {
    const [signature] = signedBy(BODY, UNA).signatures;
    if (signature === undefined) throw new Error('no signature');
    expect(judge(witnessed(says(VIC), { ...una, signature: signature.signature }))).toMatch(/does not verify/);
    const keys = [UNA.publicKey, VIC.publicKey, WIM.publicKey];
    const signatures = [says(UNA), says(VIC)].map(({ key, signature: value }) => ({ key, signature: value }));
    const swapped = { ...signedBy(BODY), signatures };
    expect(judge(swapped, { kind: 'signed', keys, threshold: 2 })).toMatch(/does not verify/);
  });

  promise('P4', 'two statements of one witness are refused, the same or not', () => {
    for (const twice of [una, says(UNA, 8 * DAY)]) {
      expect(judge(witnessed(una, twice))).toMatch(/^keys\.release-refused .*two statements/);
    }
  });

  promise('P4', 'other or more signatures of the release change nothing about it', () => {
    const statements = [says(UNA), says(VIC)];
    for (const keys of [
      [BOB, CYD],
      [ADA, BOB, CYD],
    ]) {
      expect(judge({ ...signedBy(BODY, ...keys), witnessed: statements })).toBe('admitted');
      expect(judge({ ...signedBy(BODY, ...keys), witnessed: [says(UNA), says(VIC, DAY)] })).toMatch(/early/);
    }
  });

  promise('P4', 'that has passed does not make up for signatures', () => {
    const statements = [says(UNA), says(VIC), says(WIM)];
    expect(judge({ ...signedBy(BODY, ADA), witnessed: statements })).toMatch(/^keys\.release-refused .*1 of 3 listed/);
    expect(judge({ ...signedBy(BODY, ADA, UNA), witnessed: statements })).toMatch(/1 of 3 listed .*1 more by keys/);
  });

  promise('P4', 'without witnesses is enforced by nobody, and statements are not needed', () => {
    const { witnesses: _, ...unenforced } = POLICY;
    expect(enforcedDelay(unenforced)).toBeUndefined();
    expect(enforcedDelay({ kind: 'pinned' })).toBeUndefined();
    expect(judge(signedBy(BODY, ADA, CYD), unenforced)).toBe('admitted');
    const { minDelay: __, ...atOnce } = unenforced;
    expect(judge(witnessed({ ...una, release: D3 }), atOnce)).toBe('admitted');
  });

  promise('P4', 'counts exactly the listed witnesses whose statement is long enough', () => {
    const all = [UNA, VIC, WIM, EVE, ADA];
    const kinds = ['none', 'short', 'exact', 'long'] as const;
    const lengths = { none: 0, short: 7 * DAY - 1, exact: 7 * DAY, long: 8 * DAY };
    const statements = new Map(
      all.flatMap((key) => kinds.map((kind) => [`${key.publicKey} ${kind}`, says(key, lengths[kind])] as const)),
    );
    const drawn = fc.tuple(
      fc.shuffledSubarray(all, { minLength: 0 }),
      fc.array(fc.constantFrom(...kinds), { minLength: 5, maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
    );
    fc.assert(
      fc.property(drawn, ([keys, how, threshold]) => {
        const given = keys.flatMap(({ publicKey }, index) => {
          const kind = how[index] ?? 'none';
          const statement = statements.get(`${publicKey} ${kind}`);
          return kind === 'none' || statement === undefined ? [] : [{ kind, statement }];
        });
        const enough = given.filter(
          ({ kind, statement }) => kind !== 'short' && POLICY.witnesses.keys.includes(statement.key),
        );
        const release = witnessed(...given.map(({ statement }) => statement));
        const said = judge(release, { ...POLICY, witnesses: { ...WITNESSES, threshold } });
        expect(said.split(' ')[0]).toBe(enough.length >= threshold ? 'admitted' : 'keys.release-early');
      }),
      { numRuns: 60 },
    );
  });

  promise('P4', 'a key that is named twice counts once', () => {
    const policy = { ...POLICY, witnesses: { keys: [UNA.publicKey, UNA.publicKey], threshold: 2 } };
    expect(judge(witnessed(says(UNA)), policy)).toMatch(/^keys\.release-early/);
    expect(witnessStandings(witnessed(says(UNA)), policy)).toHaveLength(1);
  });
});

promise('P4', 'the digest that witnesses sign is that of the documents', async () => {
  expect(says(UNA).release).toBe(await releaseDigest(BODY));
  expect(faultOf(says(UNA), await releaseDigest(BODY))).toBeUndefined();
});

promise('P4', 'measurements of a release are as they were signed', () => {
  const measurements = [{ technology: 'tdx', registers: { mrtd: '11'.repeat(48) } }] as const;
  const body: Body = { ...BODY, to: { ...BODY.to, measurements } };
  const { minDelay: _, witnesses: __, ...atOnce } = POLICY;
  const release = signedBy(body, ADA, CYD);
  expect(judge(release, atOnce)).toBe('admitted');
  expect(admittedMeasurements(readRelease(release))).toEqual(measurements);
  expect(admittedMeasurements(readRelease(signedBy(BODY, ADA, CYD)))).toBeUndefined();
  for (const to of [
    BODY.to,
    { ...BODY.to, measurements: [{ technology: 'tdx', registers: { mrtd: '12'.repeat(48) } }] },
    { ...BODY.to, measurements: [...measurements, { technology: 'snp', registers: { measurement: '21'.repeat(48) } }] },
  ]) {
    expect(judge({ ...release, to }, atOnce)).toMatch(/^keys\.release-refused .*does not verify/);
  }
});

describe('the root of keys', () => {
  let base = '';
  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'vitrine-witnesses-'));
  });
  afterAll(() => rm(base, { recursive: true, force: true }));
  let used = 0;
  type Given = Partial<Omit<AppRootOptions, 'directory'>>;
  const open = (directory: string, given: Given = {}): Promise<AppRoot> =>
    openAppRoot({
      directory,
      appId: 'notes',
      manifestDigest: D1,
      manifestNumber: 3,
      upgrade: POLICY,
      sources: [fixedSource('simulator', 7)],
      genesis: false,
      randomBytes,
      ...given,
    });
  const secretOf = (root: AppRoot): string =>
    toHex(root.derive({ usage: 'key', algorithm: 'ed25519', name: 'a', version: 1, scope: 'service' }, 32));
  const NEXT: Given = { manifestDigest: D2, manifestNumber: 4 };

  promise('P4', 'waits for the witnesses of the former manifest, and then goes', async () => {
    const directory = join(base, `root-${used++}`);
    const secret = secretOf(await open(directory, { genesis: true }));
    const before = await readFile(join(directory, 'keyslots.json'), 'utf8');
    // The next manifest says that there is no delay: what counts is the one that has the root.
    const hasty: UpgradePolicy = { kind: 'signed', keys: [ADA.publicKey], threshold: 1 };
    for (const release of [signedBy(BODY, ADA, CYD), witnessed(says(UNA), says(VIC, 6 * DAY))]) {
      await expect(open(directory, { ...NEXT, upgrade: hasty, release })).rejects.toMatchObject({
        code: 'keys.release-early',
      });
    }
    expect(await readFile(join(directory, 'keyslots.json'), 'utf8')).toBe(before);
    const next = await open(directory, { ...NEXT, upgrade: hasty, release: witnessed(says(UNA), says(VIC)) });
    expect(secretOf(next)).toBe(secret);
    // The shorter delay was itself delayed, and counts from here on.
    const body: Body = { name: 'notes', from: BODY.to, to: { manifest: D3, number: 5 } };
    const third = await open(directory, { manifestDigest: D3, manifestNumber: 5, release: signedBy(body, ADA) });
    expect(secretOf(third)).toBe(secret);
  });

  const weaker: Readonly<Record<string, UpgradePolicy>> = {
    'a shorter delay': { ...POLICY, minDelay: 1 },
    'a lower threshold of witnesses': { ...POLICY, witnesses: { ...WITNESSES, threshold: 1 } },
    'other witnesses': { ...POLICY, witnesses: { keys: [EVE.publicKey], threshold: 1 } },
    'no witnesses': { kind: 'signed', keys: POLICY.keys, threshold: 2, minDelay: POLICY.minDelay },
    'no delay': { kind: 'signed', keys: POLICY.keys, threshold: 2 },
  };
  for (const [what, policy] of Object.entries(weaker)) {
    promise('P4', `does not open where somebody wrote ${what} into its slot`, async () => {
      const directory = join(base, `root-${used++}`);
      await open(directory, { genesis: true });
      const file = join(directory, 'keyslots.json');
      const [slot] = parseKeyslots(await readFile(file, 'utf8'), file);
      if (slot === undefined) throw new Error('no slot');
      await writeFile(file, formatKeyslots([{ ...slot, upgrade: policy }]));
      // Enough for the policy that was written in.
      const statements = what.startsWith('a lower') ? [says(UNA)] : [says(UNA, 1), says(VIC, 1), says(EVE)];
      await expect(open(directory, { ...NEXT, release: witnessed(...statements) })).rejects.toMatchObject({
        code: 'keys.slot-closed',
        message: expect.stringContaining('the slot was changed'),
      });
    });
  }
});
