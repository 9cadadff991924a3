/**
 * `vitrine verify`: judges a live server, a saved bundle or a raw quote, and says what was found.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { onlineEndorsements } from '@vitrine/client/online-endorsements';
import { proxyFromEnvironment } from '@vitrine/client/proxy-environment';
import { type DenyList, type EvidenceBundle, formatEvidenceBundle, fromHex, UsageError } from '@vitrine/documents';
import {
  type Endorsement,
  type EndorsementFetcher,
  endorsementsDocument,
  endorsementsOf,
  exitCodeOf,
  parseTpmAttestationKey,
  simulatorAnchor,
  TECHNOLOGY_NAMES,
  type TechnologyName,
  type VerifyOptions,
  verify as verifyEvidence,
} from '@vitrine/verifier';
import { changedText } from '../changed.ts';
import { type Arguments, onlyPositional, parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import {
  isUrl,
  type NamedPolicy,
  readEndorsements,
  readEvidence,
  readInput,
  readPolicy,
  readReferenceValues,
  readText,
} from '../inputs.ts';
import { type Judged, rejection, verifyLive } from '../live-look.ts';
import { verifySpec } from '../specs/verify.ts';
import { terminalOf } from '../terminal.ts';
import { parseTime } from '../time-flag.ts';
import { SIMULATOR_HINT, transcript } from '../transcript.ts';

type Values = Arguments<typeof verifySpec.options>['values'];

export async function runVerify(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, verifySpec.options);
  if (rest !== undefined) throw new UsageError('usage.extra', 'nothing may stand after "--" here');
  const subject = onlyPositional(positionals, 'a URL, a bundle or a quote');
  const live = isUrl(subject);
  if (values.save !== undefined && !live)
    throw new UsageError('usage.save', '--save keeps the evidence of a URL; this is a file already');
  if (values.at !== undefined && live)
    throw new UsageError('usage.at', '--at is for evidence from a file: a live connection is judged for now');

  for (const flag of ['eventlog', 'format', 'tpm-nonce'] as const) {
    if (live && values[flag] !== undefined)
      throw new UsageError(
        'usage.raw',
        `--${flag} is for raw evidence from a file; a server's bundle brings what it needs`,
      );
  }
  const policy = readPolicy(values.policy, values.preset);
  const fetched: Endorsement[] = [];
  const proxyFor = proxyFromEnvironment(process.env);
  const fetcher = values.offline === true ? undefined : keeping(onlineEndorsements(userHome(), proxyFor), fetched);
  const judged = live ? verifyLive(subject, policy, values, fetcher) : verifyFile(subject, policy, values, fetcher);
  const { result, bundle, allowSimulated, policyName, differences = [] } = await judged;

  if (values.save !== undefined && bundle !== undefined) save(values.save, bundle, fetched);
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(transcript(result, subject, policyName, terminalOf(process.stdout)));
  process.stderr.write(changedText(subject, differences));
  if (result.verdict === 'simulated' && !allowSimulated) process.stderr.write(SIMULATOR_HINT);
  const exitCode = exitCodeOf(result, { allowSimulated });
  // Another root, or an older copy of keys and data, is a matter of the pin and not of the evidence.
  return exitCode === EXIT.done && differences.length > 0 ? EXIT.notVerified : exitCode;
}

async function verifyFile(
  file: string,
  policy: NamedPolicy,
  values: Values,
  fetcher: EndorsementFetcher | undefined,
): Promise<Judged> {
  const now = values.at === undefined ? new Date() : parseTime(values.at);
  const referenceValues = values.reference === undefined ? undefined : readReferenceValues(values.reference);
  const simulatorAnchors = await simulatorRoots(values);
  // Naming a TPM's key is permission for evidence under it, as naming a simulator's root is.
  const allowSimulated = simulatorAnchors.length > 0 || values['tpm-ak'] !== undefined;
  const input = readInput(file);
  try {
    const evidence = readEvidence(input, file);
    const result = await verifyEvidence(evidence, {
      policy: policy.policy,
      now,
      endorsements: readEndorsements(values.endorsements ?? []),
      simulatorAnchors,
      denyLists: await fileDenyLists(values),
      ...rawOptions(values),
      ...(referenceValues === undefined ? {} : { referenceValues }),
      ...(fetcher === undefined ? {} : { fetchEndorsements: fetcher }),
    });
    return { result, bundle: undefined, allowSimulated, policyName: policy.name };
  } catch (error) {
    return {
      result: await rejection(error, input, policy.policy, now),
      bundle: undefined,
      allowSimulated,
      policyName: policy.name,
    };
  }
}

/** What only raw evidence needs to be told. */
function rawOptions(values: Values): Pick<VerifyOptions, 'eventLog' | 'format' | 'tpm'> {
  const format = values.format;
  if (format !== undefined && !isTechnology(format)) {
    throw new UsageError(
      'usage.format',
      `--format: expected one of ${TECHNOLOGY_NAMES.join(', ')}, found ${JSON.stringify(format)}`,
    );
  }
  const ak = values['tpm-ak'];
  const nonce = values['tpm-nonce'] === undefined ? undefined : fromHex(values['tpm-nonce']);
  if (values['tpm-nonce'] !== undefined && nonce === undefined) {
    throw new UsageError('usage.tpm-nonce', '--tpm-nonce: expected lower-case hexadecimal digits');
  }
  return {
    ...(values.eventlog === undefined ? {} : { eventLog: readInput(values.eventlog) }),
    ...(format === undefined ? {} : { format }),
    ...(ak === undefined && nonce === undefined
      ? {}
      : {
          tpm: {
            ...(ak === undefined ? {} : { ak: parseTpmAttestationKey(readInput(ak), ak) }),
            ...(nonce === undefined ? {} : { expectedNonce: nonce }),
          },
        }),
  };
}

function isTechnology(name: string): name is TechnologyName {
  return (TECHNOLOGY_NAMES as readonly string[]).includes(name);
}

/** A file names no address, so the user's own simulators are taken at the user's word. */
async function simulatorRoots(values: Values): Promise<VerifyOptions['simulatorAnchors']> {
  const given = values['simulator-root'];
  if (given !== undefined) return [simulatorAnchor(readText(given), given)];
  if (values['allow-simulator'] !== true) return [];
  const { ownSimulatorRoots } = await import('@vitrine/client/simulator-roots');
  return ownSimulatorRoots(userHome());
}

/** Those that are kept apply to files, too. */
async function fileDenyLists(values: Values): Promise<readonly DenyList[]> {
  const { denyListsAtHand, denyListsFile, readDenyList } = await import('@vitrine/client/deny-lists');
  const given = await Promise.all((values['deny-list'] ?? []).map(readDenyList));
  return denyListsAtHand(denyListsFile(userHome()), given);
}

function keeping(fetcher: EndorsementFetcher, kept: Endorsement[]): EndorsementFetcher {
  return async (platform) => {
    const endorsements = await fetcher(platform);
    kept.push(...endorsements);
    return endorsements;
  };
}

function save(file: string, bundle: EvidenceBundle, fetched: readonly Endorsement[]): void {
  const carried = bundle.endorsements === undefined ? [] : endorsementsOf(bundle.endorsements, 'the bundle');
  const endorsements = endorsementsDocument([...carried, ...fetched]);
  const whole: EvidenceBundle = endorsements === undefined ? bundle : { ...bundle, endorsements };
  try {
    writeFileSync(file, `${formatEvidenceBundle(whole)}\n`);
  } catch (cause) {
    throw new UsageError(
      'output.unwritable',
      `cannot write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
