/**
 * `vitrine release witness`: for whoever runs a witness. Notes when a release was seen first, and adds to it
 * what this witness says of it, by this machine's clock.
 *
 * A release is noted once it is signed as its former manifest demands, and not before: otherwise anybody could
 * have one aged that nobody has signed yet.
 *
 * @module
 */
import {
  describeDelay,
  formatUtc,
  parseUtc,
  type Release,
  releaseDigest,
  toBase64Url,
  type UpgradePolicy,
  UsageError,
  type WitnessStatement,
  witnessStatementSigned,
} from '@vitrine/documents';
import type { EnforcedDelay } from '@vitrine/keys';
import { EXIT } from '../exit-code.ts';
import { readOwnerKey } from '../owner-key.ts';
import { clean } from '../terminal.ts';
import { formerPolicy } from './former-manifest.ts';
import { changing, format, print, type Replace, readReleaseFile } from './release-file.ts';
import { clockError, firstSightOf, isNoted } from './witness-log.ts';

export interface WitnessFlags {
  readonly 'owner-key'?: string;
  readonly log?: string;
  readonly manifest?: string;
  readonly json?: boolean;
}

export async function witnessRelease(file: string, flags: WitnessFlags): Promise<number> {
  const { 'owner-key': keyFile, log, manifest } = flags;
  if (keyFile === undefined || log === undefined) {
    throw new UsageError(
      'usage.missing',
      'expected --owner-key FILE, the key of this witness, and --log FILE, where it notes what it has seen',
    );
  }
  const signer = readOwnerKey(keyFile);
  // Says that it is not there before its folder gets a lock.
  readReleaseFile(file);
  await import('@vitrine/keys');
  const { witnessed, statement, delay } = await changing(file, (replace) =>
    addStatement({ file, log, manifest, signer }, replace),
  );
  const { firstSeen, stated } = statement;
  print(
    flags.json,
    witnessed,
    `${signer.publicKey}\nsaw ${clean(file)} first at ${firstSeen}\nand says that it is ${stated} now\n${ending(delay, firstSeen)}`,
  );
  return EXIT.done;
}

interface Witnessing {
  readonly file: string;
  readonly log: string;
  readonly manifest: string | undefined;
  readonly signer: ReturnType<typeof readOwnerKey>;
}

async function addStatement(
  { file, log, manifest, signer: { publicKey, sign } }: Witnessing,
  replace: Replace,
): Promise<{
  readonly witnessed: Release;
  readonly statement: WitnessStatement;
  readonly delay: EnforcedDelay | undefined;
}> {
  const { faultOf, readRelease, signersOf } = await import('@vitrine/keys');
  const release = readRelease(readReleaseFile(file));
  const digest = await releaseDigest(release);
  const now = Math.floor(Date.now() / 1000);
  const policy = manifest === undefined ? undefined : await formerPolicy(manifest, release);
  const delay = policy === undefined ? undefined : await demandedDelay(policy, publicKey);
  // A statement under this key that is not its own is somebody's mischief, and is replaced.
  const before = release.witnessed?.find(({ key }) => key === publicKey);
  const said = before !== undefined && faultOf(before, digest) === undefined ? before : undefined;
  if (said !== undefined) await requireContinued(said, { log, release, now });

  const { firstSeen } = await firstSightOf(log, {
    witness: publicKey,
    release,
    now,
    admit: () => requireSigned(policy, signersOf(release)),
  });
  if (said !== undefined && said.firstSeen !== firstSeen) throw otherSight(said, log, `at ${firstSeen}`);
  const body = { release: digest, firstSeen, stated: formatUtc(now), key: publicKey };
  const statement: WitnessStatement = {
    type: 'vitrine/witness-statement/v1',
    ...body,
    signature: toBase64Url(await sign(witnessStatementSigned(body))),
  };
  const others = (release.witnessed ?? []).filter(({ key }) => key !== publicKey);
  const witnessed: Release = { ...release, witnessed: [...others, statement] };
  await replace(format(witnessed));
  return { witnessed, statement, delay };
}

function ending(delay: EnforcedDelay | undefined, firstSeen: string): string {
  if (delay === undefined) return '';
  const ends = formatUtc((parseUtc(firstSeen) ?? Number.NaN) + delay.minDelay);
  return `${describeDelay(delay.minDelay)} have passed at ${ends}; run this again then\n`;
}

async function demandedDelay(policy: UpgradePolicy, publicKey: string): Promise<EnforcedDelay> {
  const { enforcedDelay } = await import('@vitrine/keys');
  const delay = enforcedDelay(policy);
  if (delay === undefined) {
    throw new UsageError('release.policy', 'the former manifest has no delay that witnesses enforce');
  }
  if (!delay.witnesses.keys.includes(publicKey)) {
    throw new UsageError('release.policy', `${publicKey} is not one of the witnesses of the former manifest`);
  }
  return delay;
}

/** What this key said before goes on with the log that it was said from, and not back in time. */
async function requireContinued(
  said: WitnessStatement,
  { log, release, now }: { readonly log: string; readonly release: Release; readonly now: number },
): Promise<void> {
  if (!(await isNoted(log, said.key, release))) throw otherSight(said, log, 'never');
  if (now < (parseUtc(said.stated) ?? Number.NaN)) throw clockError(now, `its statement in the release ${said.stated}`);
}

function otherSight({ firstSeen }: WitnessStatement, log: string, otherwise: string): UsageError {
  return new UsageError(
    'release.log',
    `by its statement in the release this witness saw it first at ${firstSeen}, and by ${log} ${otherwise}; name the log that the statement was made with`,
  );
}

function requireSigned(
  policy: UpgradePolicy | undefined,
  { good, bad }: { good: readonly string[]; bad: readonly string[] },
): void {
  if (policy === undefined) {
    throw new UsageError(
      'usage.missing',
      'expected --manifest FILE at the first sight: the former manifest, or evidence that has it, which says who has to sign',
    );
  }
  if (policy.kind === 'pinned') throw new TypeError('a pinned policy has no delay');
  const { keys, threshold } = policy;
  const wrong = bad.find((key) => keys.includes(key));
  if (wrong !== undefined) throw new UsageError('release.unsigned', `the signature of ${wrong} does not verify`);
  const counted = keys.filter((key) => good.includes(key)).length;
  if (counted >= threshold) return;
  throw new UsageError(
    'release.unsigned',
    `${counted} of ${keys.length} listed keys have signed it, and ${threshold} have to; a witness notes what is signed, since a delay that starts earlier warns nobody`,
  );
}
