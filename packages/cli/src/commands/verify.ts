/**
 * `vitrine verify`: judges a live server, a saved bundle or a raw quote, and says what was found.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { simulatorRootFile } from '@vitrine/client/home';
import { onlineEndorsements } from '@vitrine/client/online-endorsements';
import {
  type EvidenceBundle,
  formatEvidenceBundle,
  fromHex,
  MalformedEvidenceError,
  UsageError,
} from '@vitrine/documents';
import {
  type AppraisalPolicy,
  type AttestationResult,
  type Endorsement,
  type EndorsementFetcher,
  endorsementsDocument,
  endorsementsOf,
  exitCodeOf,
  malformedResult,
  parseTpmAttestationKey,
  simulatorAnchor,
  TECHNOLOGY_NAMES,
  type TechnologyName,
  type TrustAnchor,
  type VerifyOptions,
  verify as verifyEvidence,
} from '@vitrine/verifier';
import { type Arguments, type Command, onlyPositional, parseArguments } from '../command.ts';
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
import { terminalOf } from '../terminal.ts';
import { transcript } from '../transcript.ts';

const help = `vitrine verify <url | bundle.json | raw quote>: check evidence against a policy of yours.

Examples
  vitrine verify https://bank.example/mcp
  vitrine verify https://bank.example/mcp --reference reference-values.json --save evidence.json
  vitrine verify evidence.json --reference reference-values.json --offline
  vitrine verify quote.bin --preset hardware-only --endorsements collateral.json --at 2026-02-18T14:04:40Z
  vitrine verify https://127.0.0.1:8443/mcp --allow-simulator --reference reference-values.json

What to compare with
  --preset NAME          strict, default or hardware-only (default: default)
  --policy FILE          a policy of your own: { "type": "vitrine/appraisal-policy/v1", "extends": "default", … }
  --reference FILE       the registers and manifest digest that a release must have
  --endorsements PATH    Intel collateral, AMD certificates and lists: a file or a folder; may be repeated
  --at TIME              judge for this time (RFC 3339) instead of now
  --offline              fetch nothing from a vendor
  --eventlog FILE        what was extended into the run-time registers, beside a raw quote
  --format NAME          take raw evidence as tdx, sgx, snp, nitro or tpm instead of looking at its first bytes
  --tpm-ak FILE          the attestation key of a TPM that you trust (PEM); the verdict is then "simulated"
  --tpm-nonce HEX        the qualifying data that you gave for this very TPM quote

Simulator
  --allow-simulator      accept the simulator of this user on a loopback URL; the verdict is "simulated"
  --simulator-root FILE  accept the simulator with this root certificate (PEM)

Output
  --json                 one AttestationResult object on stdout
  --save FILE            keep the evidence bundle of a URL, with the endorsements that were used

Exit codes: 0 verified, or simulated where you allowed it; 1 not verified; 2 wrong usage; 3 could not be
checked; 4 simulated evidence where hardware is wanted.
`;

const OPTIONS = {
  preset: { type: 'string' },
  policy: { type: 'string' },
  reference: { type: 'string' },
  endorsements: { type: 'string', multiple: true },
  at: { type: 'string' },
  offline: { type: 'boolean' },
  eventlog: { type: 'string' },
  format: { type: 'string' },
  'tpm-ak': { type: 'string' },
  'tpm-nonce': { type: 'string' },
  'allow-simulator': { type: 'boolean' },
  'simulator-root': { type: 'string' },
  json: { type: 'boolean' },
  save: { type: 'string' },
} as const;

export const verify: Command = { name: 'verify', summary: 'Check a URL, a saved bundle or a raw quote', help, run };

/** For the handshake and the attestation of a live server. */
const ATTEST_TIMEOUT_MS = 15_000;

const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array();

interface Judged {
  readonly result: AttestationResult;
  /** Whether the user accepts a simulator here: by a flag, or by having pinned one. */
  readonly allowSimulated: boolean;
  /** How to call the policy that was used. */
  readonly policyName: string;
  /** For --save; only a live server's. */
  readonly bundle: EvidenceBundle | undefined;
}

type Values = Arguments<typeof OPTIONS>['values'];

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, OPTIONS);
  if (rest !== undefined) throw new UsageError('usage.extra', 'nothing may stand after "--" here');
  const subject = onlyPositional(positionals, 'a URL, a bundle or a quote');
  const live = isUrl(subject);
  if (values.save !== undefined && !live)
    throw new UsageError('usage.save', '--save keeps the evidence of a URL; this is a file already');
  if (values.at !== undefined && live)
    throw new UsageError('usage.at', '--at is for evidence from a file: a live connection is judged for now');

  for (const flag of ['eventlog', 'format', 'tpm-ak', 'tpm-nonce'] as const) {
    if (live && values[flag] !== undefined)
      throw new UsageError(
        'usage.raw',
        `--${flag} is for raw evidence from a file; a server's bundle brings what it needs`,
      );
  }
  const policy = readPolicy(values.policy, values.preset);
  const fetched: Endorsement[] = [];
  const fetcher = values.offline === true ? undefined : keeping(onlineEndorsements(userHome()), fetched);
  const judged = live ? verifyLive(subject, policy, values, fetcher) : verifyFile(subject, policy, values, fetcher);
  const { result, bundle, allowSimulated, policyName } = await judged;

  if (values.save !== undefined && bundle !== undefined) save(values.save, bundle, fetched);
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(transcript(result, subject, policyName, terminalOf(process.stdout)));
  if (result.verdict === 'simulated' && !allowSimulated) {
    process.stderr.write('vitrine: this is a simulator; --allow-simulator accepts your own, at a loopback address\n');
  }
  return exitCodeOf(result, { allowSimulated });
}

async function verifyLive(
  url: string,
  policy: NamedPolicy,
  values: Values,
  fetcher: EndorsementFetcher | undefined,
): Promise<Judged> {
  // The client brings TLS and HTTP code that a file does not need.
  const { resolveTrust, verifyUrl } = await import('@vitrine/client');
  const trust = await resolveTrust(url, {
    home: userHome(),
    purpose: 'look',
    endorsements: readEndorsements(values.endorsements ?? []),
    ...(values.policy === undefined && values.preset === undefined ? {} : { policy: policy.policy }),
    ...(values.reference === undefined ? {} : { referenceValues: readReferenceValues(values.reference) }),
    ...(values['allow-simulator'] === true ? { allowSimulator: true } : {}),
    ...(values['simulator-root'] === undefined ? {} : { simulatorRootPem: readText(values['simulator-root']) }),
    ...(fetcher === undefined ? {} : { fetchEndorsements: fetcher }),
  });
  const { allowSimulated } = trust;
  const policyName = trust.policyName ?? (values.policy === undefined ? 'of your pin' : policy.name);
  const now = (): Date => new Date();
  try {
    return { ...(await verifyUrl(trust, { now, timeLimitMs: ATTEST_TIMEOUT_MS })), allowSimulated, policyName };
  } catch (error) {
    return {
      result: await rejection(error, NO_BYTES, trust.policy, now()),
      bundle: undefined,
      allowSimulated,
      policyName,
    };
  }
}

async function verifyFile(
  file: string,
  policy: NamedPolicy,
  values: Values,
  fetcher: EndorsementFetcher | undefined,
): Promise<Judged> {
  const now = values.at === undefined ? new Date() : parseTime(values.at);
  const referenceValues = values.reference === undefined ? undefined : readReferenceValues(values.reference);
  const simulatorAnchors = simulatorRoots(values);
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

/** What cannot be read is a verdict, too: rejected, by the check that could not read it. */
async function rejection(
  error: unknown,
  input: Uint8Array<ArrayBuffer>,
  policy: AppraisalPolicy,
  now: Date,
): Promise<AttestationResult> {
  if (!(error instanceof MalformedEvidenceError)) throw error;
  return malformedResult(error, input, policy, now);
}

/** A file names no address, so the user's own simulator is taken at the user's word. */
function simulatorRoots(values: Values): readonly TrustAnchor[] {
  const given = values['simulator-root'];
  if (given !== undefined) return [simulatorAnchor(readText(given), given)];
  if (values['allow-simulator'] !== true) return [];
  const file = simulatorRootFile(userHome());
  return [simulatorAnchor(readText(file), file)];
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

function parseTime(text: string): Date {
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(time.getTime()))
    return time;
  throw new UsageError(
    'usage.at',
    `--at: expected an RFC 3339 time such as 2026-02-18T14:04:40Z, found ${JSON.stringify(text)}`,
  );
}
