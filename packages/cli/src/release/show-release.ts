/**
 * `vitrine release show`: what a release admits, who has signed it, what is missing, and when its delay ends by
 * each witness. All signatures are verified; whether the release counts is decided where the root is opened.
 *
 * @module
 */
import { describeUpgrade, type Release, releaseDigest, type UpgradePolicy } from '@vitrine/documents';
import type { EnforcedDelay, WitnessStanding } from '@vitrine/keys';
import { EXIT } from '../exit-code.ts';
import { clean } from '../terminal.ts';
import { formerPolicy } from './former-manifest.ts';
import { lossWarning, numbered, slotsOf } from './local-slots.ts';
import { isSame, named, readReleaseFile } from './release-file.ts';

export interface ShowFlags {
  readonly manifest?: string;
  readonly json?: boolean;
}

type Signed = Extract<UpgradePolicy, { readonly kind: 'signed' }>;

interface Facts {
  readonly release: Release;
  readonly good: readonly string[];
  readonly bad: readonly string[];
  /** `undefined` where the former manifest is not known here. */
  readonly policy: UpgradePolicy | undefined;
  readonly delay: (EnforcedDelay & { readonly standings: readonly WitnessStanding[] }) | undefined;
  readonly statements: readonly Statement[];
  readonly warning: string | undefined;
}

/** What a witness says, listed or not. */
interface Statement {
  readonly key: string;
  readonly firstSeen: string;
  readonly stated: string;
  readonly invalid?: string;
}

export async function showRelease(file: string, flags: ShowFlags): Promise<number> {
  const facts = await factsOf(file, flags.manifest);
  process.stdout.write(
    flags.json === true ? `${JSON.stringify(documentOf(facts))}\n` : `${linesOf(facts).join('\n')}\n`,
  );
  return EXIT.done;
}

async function factsOf(file: string, manifest: string | undefined): Promise<Facts> {
  const { enforcedDelay, faultOf, readRelease, signersOf, witnessStandings } = await import('@vitrine/keys');
  const release = readRelease(readReleaseFile(file));
  const found = await slotsOf(release.name).catch(() => undefined);
  const slots = found !== undefined && isSame(numbered(found.manifest), release.from) ? found : undefined;
  const policy = manifest === undefined ? slots?.upgrade : await formerPolicy(manifest, release);
  const delay = policy === undefined ? undefined : enforcedDelay(policy);
  const digest = await releaseDigest(release);
  return {
    release,
    ...signersOf(release),
    policy,
    delay: delay === undefined ? undefined : { ...delay, standings: witnessStandings(release, delay) },
    statements: (release.witnessed ?? []).map((statement) => {
      const { key, firstSeen, stated } = statement;
      const invalid = faultOf(statement, digest);
      return { key, firstSeen, stated, ...(invalid === undefined ? {} : { invalid }) };
    }),
    warning: slots === undefined ? undefined : lossWarning(slots),
  };
}

function documentOf({ release, good, bad, policy, delay, statements }: Facts): object {
  const { name, from, to } = release;
  return {
    type: 'vitrine/release-shown/v1',
    name,
    from,
    to,
    signedBy: good,
    invalid: bad,
    ...(policy?.kind === 'signed' ? { listed: policy.keys, threshold: policy.threshold } : {}),
    ...(policy === undefined ? {} : { upgrade: describeUpgrade(policy) }),
    witnessed: statements,
    ...(delay === undefined
      ? {}
      : { delay: { seconds: delay.minDelay, threshold: delay.witnesses.threshold, witnesses: delay.standings } }),
  };
}

function linesOf({ release, good, bad, policy, delay, statements, warning }: Facts): readonly string[] {
  const signed = policy?.kind === 'signed' ? policy : undefined;
  return [
    `${clean(release.name)}: admits ${named(release.to)}`,
    ...imagesOf(release.to, 'in these images only:'),
    `after ${named(release.from)}`,
    ...imagesOf(release.from, 'which ran in these images:'),
    ...(good.length + bad.length === 0 ? ['nobody has signed it'] : []),
    ...good.map(
      (key) =>
        `signed by ${key}${signed !== undefined && !signed.keys.includes(key) ? ', which is not listed and does not count' : ''}`,
    ),
    ...bad.map((key) => `INVALID signature of ${key}`),
    ...(delay === undefined ? statements.map(statementLine) : delay.standings.flatMap(standingLines)),
    ...(delay === undefined
      ? []
      : statements
          .filter(({ key }) => !delay.witnesses.keys.includes(key))
          .map(({ key }) => `witness ${key}\n  is not listed and does not count`)),
    ...policyLines(policy, signed, good, delay),
    ...(warning === undefined ? [] : [`warning: ${warning}`]),
  ];
}

function policyLines(
  policy: UpgradePolicy | undefined,
  signed: Signed | undefined,
  good: readonly string[],
  delay: Facts['delay'],
): readonly string[] {
  if (policy === undefined) {
    return [
      'which keys count is said by the former manifest, whose key slots are not on this machine; name it with --manifest',
    ];
  }
  if (signed === undefined) return ['the former manifest says upgrade: pinned, which no release opens'];
  const { keys, threshold } = signed;
  const passed = delay?.standings.filter(({ state }) => state === 'passed').length ?? 0;
  return [
    `${keys.filter((key) => good.includes(key)).length} of ${keys.length} listed keys have signed it; ${threshold} have to`,
    ...(delay === undefined
      ? []
      : [
          `${passed} of ${delay.witnesses.keys.length} witnesses say that the delay has passed; ${delay.witnesses.threshold} have to`,
        ]),
    `it takes ${describeUpgrade(policy)}`,
  ];
}

function imagesOf({ measurements = [] }: Release['to'], heading: string): readonly string[] {
  if (measurements.length === 0) return [];
  return [
    heading,
    ...measurements.flatMap(({ technology, registers }) => [
      `  ${technology}`,
      ...Object.entries(registers).map(([name, value]) => `    ${name} ${value}`),
    ]),
  ];
}

function standingLines(standing: WitnessStanding): readonly string[] {
  const says = {
    absent: () => 'has not stated that it saw it',
    invalid: () => (standing.state === 'invalid' ? `INVALID statement: ${standing.why}` : ''),
    waiting: () => seen(standing, 'the delay ends'),
    passed: () => seen(standing, 'the delay has ended,'),
  };
  return [`witness ${standing.key}`, `  ${says[standing.state]()}`];
}

function seen(standing: WitnessStanding, when: string): string {
  return 'ends' in standing ? `saw it at ${standing.firstSeen}; ${when} at ${standing.ends}` : '';
}

function statementLine({ key, firstSeen, stated, invalid }: Statement): string {
  const said =
    invalid === undefined ? `saw it at ${firstSeen}, and stated so at ${stated}` : `INVALID statement: ${invalid}`;
  return `witness ${key}\n  ${said}`;
}
