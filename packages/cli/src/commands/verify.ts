/**
 * `vitrine verify`: judges a live server, a saved bundle or a raw quote, and says what was found.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import {
  type DcapCollateral,
  type EvidenceBundle,
  formatEvidenceBundle,
  MalformedEvidenceError,
  UsageError,
} from '@vitrine/documents';
import {
  type AttestationResult,
  type EndorsementFetcher,
  exitCodeOf,
  intelPcs,
  malformedResult,
  type TrustAnchor,
  type VerifyOptions,
  verify as verifyEvidence,
} from '@vitrine/verifier';
import { type Command, onlyPositional, parseArguments } from '../command.ts';
import {
  type NamedPolicy,
  readEndorsements,
  readEvidence,
  readInput,
  readPolicy,
  readReferenceValues,
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
  --endorsements PATH    Intel collateral, as a file or a folder of files; may be repeated
  --at TIME              judge for this time (RFC 3339) instead of now
  --offline              fetch nothing from Intel

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
  'allow-simulator': { type: 'boolean' },
  'simulator-root': { type: 'string' },
  json: { type: 'boolean' },
  save: { type: 'string' },
} as const;

export const verify: Command = { name: 'verify', summary: 'Check a URL, a saved bundle or a raw quote', help, run };

interface Request {
  readonly subject: string;
  readonly policy: NamedPolicy;
  readonly options: VerifyOptions;
  readonly allowSimulator: boolean;
  readonly simulatorRoot: string | undefined;
  /** Filled by the fetcher, so that a saved bundle verifies offline later. */
  readonly fetched: DcapCollateral[];
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, OPTIONS);
  if (rest !== undefined) throw new UsageError('usage.extra', 'nothing may stand after "--" here');
  const subject = onlyPositional(positionals, 'a URL, a bundle or a quote');
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(subject);
  if (values.save !== undefined && !isUrl)
    throw new UsageError('usage.save', '--save keeps the evidence of a URL; this is a file already');
  if (values.at !== undefined && isUrl)
    throw new UsageError('usage.at', '--at is for evidence from a file: a live connection is judged for now');

  const fetched: DcapCollateral[] = [];
  const policy = readPolicy(values.policy, values.preset);
  const options: VerifyOptions = {
    policy: policy.policy,
    now: values.at === undefined ? new Date() : parseTime(values.at),
    endorsements: readEndorsementsOrNone(values.endorsements),
    simulatorAnchors: [],
    ...(values.reference === undefined ? {} : { referenceValues: readReferenceValues(values.reference) }),
    ...(values.offline === true
      ? {}
      : { fetchEndorsements: keeping(intelPcs({ fetch: globalThis.fetch, timeoutMs: 10_000 }), fetched) }),
  };
  const request: Request = {
    subject,
    policy,
    options,
    allowSimulator: values['allow-simulator'] === true,
    simulatorRoot: values['simulator-root'],
    fetched,
  };

  const { result, bundle } = isUrl ? await verifyLive(request) : await verifyFile(request);
  if (values.save !== undefined && bundle !== undefined) save(values.save, bundle, fetched);
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(transcript(result, subject, policy.name, terminalOf(process.stdout)));
  if (result.verdict === 'simulated' && result.decidedBy !== null && !request.allowSimulator) {
    process.stderr.write('vitrine: this is a simulator; --allow-simulator accepts your own on a loopback address\n');
  }
  return exitCodeOf(result, { allowSimulated: request.allowSimulator || request.simulatorRoot !== undefined });
}
