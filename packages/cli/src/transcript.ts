/**
 * An AttestationResult for people: the verdict, five questions, every check, and what is not proven.
 *
 * @module
 */
import type { AttestationResult, Check, CheckStatus } from '@vitrine/verifier';
import { surroundings } from './surroundings.ts';
import { clean, type Terminal, wrap } from './terminal.ts';

interface Question {
  readonly text: string;
  readonly covers: (id: string) => boolean;
  /** What a yes amounts to, in this result. */
  readonly detail: (result: AttestationResult) => string;
}

const CODE_CHECKS: readonly string[] = ['workload.reference', 'workload.code', 'workload.denied'];

const QUESTIONS: readonly Question[] = [
  {
    text: 'Genuine hardware?',
    covers: (id) => /^(?:tdx|sgx|snp|nitro|tpm|evidence|bundle|endorsements)\./.test(id),
    detail: hardwareDetail,
  },
  {
    text: 'Exact code?',
    covers: (id) => CODE_CHECKS.includes(id) || id.startsWith('eventlog.'),
    detail: codeDetail,
  },
  { text: 'Exact configuration?', covers: (id) => id === 'workload.manifest', detail: configurationDetail },
  {
    text: 'Keys made inside?',
    covers: (id) => id.startsWith('binding.') || id.startsWith('channel.'),
    detail: keyDetail,
  },
  {
    text: 'Source?',
    covers: (id) => id.startsWith('provenance.'),
    detail: () => 'a signed statement names source and builder',
  },
];

const MARKS: Readonly<Record<CheckStatus, string>> = { passed: '✓', failed: '✗', waived: '–', unavailable: '?' };
const STYLES = { passed: 'green', failed: 'red', waived: 'dim', unavailable: 'yellow' } as const;
const VERDICT_STYLES = { verified: 'green', rejected: 'red', undetermined: 'yellow', simulated: 'magenta' } as const;
const VERDICT_WORDS = {
  verified: 'verified',
  rejected: 'not verified',
  undetermined: 'undetermined',
  simulated: 'simulated',
} as const;

/** What to do where a simulator was met that the user did not allow. */
export const SIMULATOR_HINT = `vitrine: this is a simulator, which protects nothing;
  --allow-simulator accepts your own, at a loopback address
`;

/**
 * The transcript of a result. Its last line is the verdict, so that it is what remains on the screen.
 *
 * @param subject - URL or file that was judged.
 * @param policyName - How to call the policy.
 */
export function transcript(result: AttestationResult, subject: string, policyName: string, terminal: Terminal): string {
  const questions = QUESTIONS.map((question) => {
    const [status, answer] = answerTo(question, result);
    return `  ${terminal.style(STYLES[status], MARKS[status])} ${question.text.padEnd(21)} ${wrap(clean(answer), terminal.width, ' '.repeat(26))}`;
  });
  const checks = runsOf(result.checks.filter(worthALine)).map((run) => runLines(run, terminal));
  const limits = result.limits.map((limit) => `  · ${wrap(clean(limit), terminal.width, '    ')}`);
  return [
    `${clean(subject)}`,
    wrap(`Judged for ${result.time} by policy ${clean(policyName)}${scopeNote(result)}.`, terminal.width, ''),
    '',
    ...questions,
    ...around(result, terminal),
    '',
    'Checks',
    ...checks,
    '',
    'Not proven',
    ...limits,
    '',
    // On one line, however long: it is what programs and people look for.
    terminal.style(['bold', VERDICT_STYLES[result.verdict]], `${VERDICT_WORDS[result.verdict]}${decision(result)}`),
    '',
  ].join('\n');
}

/** What surrounds the server, where evidence says so. */
function around({ claims }: AttestationResult, terminal: Terminal): readonly string[] {
  if (claims?.manifest === undefined || claims.sandbox === undefined) return [];
  const lines = surroundings(claims.manifest, claims.sandbox, claims.appRoot).map(
    ([label, text]) => `  ${label.padEnd(23)} ${wrap(clean(text), terminal.width, ' '.repeat(26))}`,
  );
  return ['', 'Around it', ...lines];
}

function answerTo(question: Question, result: AttestationResult): [CheckStatus, string] {
  const checks = result.checks.filter((check) => question.covers(check.id));
  const worst = (['failed', 'unavailable'] as const)
    .map((status) => checks.find((check) => check.status === status))
    .find((check) => check !== undefined);
  if (worst?.status === 'failed') {
    const isNone = question.text === 'Genuine hardware?' && isSimulated(result) && result.claims?.technology !== 'tpm';
    const simulator = isNone ? 'a simulator. ' : '';
    return ['failed', `no: ${simulator}${worst.message} (${worst.id})`];
  }
  if (worst !== undefined) return [worst.status, `not known: ${worst.message} (${worst.id})`];
  if (question.text === 'Genuine hardware?' && isSimulated(result)) return ['waived', question.detail(result)];
  const passed = checks.filter((check) => check.status === 'passed');
  const waived = checks.find((check) => check.status === 'waived');
  if (passed.length === 0 || question.text === 'Source?')
    return ['waived', `not asked: ${waived?.message ?? 'the policy does not ask'}`];
  const unmeasured = checks.find((check) => check.id === 'workload.code' && check.status === 'waived');
  if (unmeasured !== undefined) return ['waived', unmeasured.message];
  return ['passed', question.detail(result)];
}

/** The verifier's name for the anchor of any simulator, see `simulatorAnchor`. */
const SIMULATOR_ANCHOR = 'simulator';

const TECHNOLOGIES = {
  tdx: 'Intel TDX',
  sgx: 'Intel SGX',
  snp: 'AMD SEV-SNP',
  nitro: 'AWS Nitro',
  tpm: 'TPM 2.0',
} as const;

/** Also where something else decides the verdict: neither a simulator nor a bare TPM ever reads as hardware. */
function isSimulated({ verdict, claims }: AttestationResult): boolean {
  return verdict === 'simulated' || claims?.anchor === SIMULATOR_ANCHOR || claims?.technology === 'tpm';
}

function hardwareDetail(result: AttestationResult): string {
  const { claims } = result;
  const name = claims === undefined ? 'hardware' : TECHNOLOGIES[claims.technology];
  const level = claims?.tcbStatus === undefined ? name : `${name}, TCB ${claims.tcbStatus}`;
  if (!isSimulated(result)) return `${level}, under ${claims?.anchor ?? 'no anchor'}`;
  return claims?.technology === 'tpm'
    ? `not shown: ${level}, under a key that you named yourself`
    : `no: a simulator, whose root you allowed (${level} in format)`;
}

function codeDetail({ claims }: AttestationResult): string {
  const source = claims?.manifest?.server.source;
  if (source?.kind === 'npm')
    return `npm:${source.package}@${source.version}, tree ${short(source.tree)}, with its lock file`;
  if (source?.kind === 'path') return `a folder, tree ${short(source.tree)}`;
  if (source?.kind === 'module') return `a module, tree ${short(source.tree)}`;
  if (source?.kind === 'oci') return `an image, ${source.image.slice(0, 23)}…, tree ${short(source.tree)}`;
  return 'the registers are those of the reference values';
}

function configurationDetail({ claims }: AttestationResult): string {
  const manifest = claims?.manifest;
  if (manifest === undefined) return 'bound to the evidence';
  const args = manifest.server.args.length;
  const environment = Object.keys(manifest.server.environment).length;
  return `manifest "${manifest.name}" number ${manifest.number}, ${short(claims?.manifestDigest ?? '')}: ${args} argument${args === 1 ? '' : 's'}, ${environment} environment variable${environment === 1 ? '' : 's'}`;
}

function keyDetail({ claims, scope }: AttestationResult): string {
  const key = `TLS key ${short(claims?.tlsSpki ?? '')} was made at this boot`;
  return scope === 'live' ? `${key} and is the one of this connection` : key;
}

/** Lines that an absent event log or deny-list was not asked for would hide the others; the limits name them. */
function worthALine({ id, status }: Check): boolean {
  return !((id.startsWith('eventlog.') || id === 'workload.denied') && status === 'waived');
}

/** Checks that were not reached, for the same reason, stand together: they would bury the one that decided. */
function runsOf(checks: readonly Check[]): readonly (readonly [Check, ...Check[]])[] {
  const runs: [Check, ...Check[]][] = [];
  for (const check of checks) {
    const run = runs.at(-1);
    if (check.status === 'unavailable' && run?.[0].status === 'unavailable' && run[0].message === check.message)
      run.push(check);
    else runs.push([check]);
  }
  return runs;
}

function runLines([first, ...others]: readonly [Check, ...Check[]], terminal: Terminal): string {
  if (others.length === 0) return checkLines(first, terminal);
  const ids = [first, ...others].map(({ id }) => id).join(', ');
  const indent = ' '.repeat(4);
  return `  ${terminal.style(STYLES.unavailable, MARKS.unavailable)} ${wrap(clean(first.message), terminal.width, indent)}\n${indent}${wrap(ids, terminal.width, indent)}`;
}

function checkLines(check: Check, terminal: Terminal): string {
  const head = `  ${terminal.style(STYLES[check.status], MARKS[check.status])} ${check.id.padEnd(21)} ${wrap(clean(check.message), terminal.width, ' '.repeat(26))}`;
  if (check.status !== 'failed' || check.expected === undefined) return head;
  const gap = ' '.repeat(26);
  const value = (text: string): string => wrap(clean(text), terminal.width, `${gap}${' '.repeat(9)}`);
  return `${head}\n${gap}expected ${value(check.expected)}\n${gap}found    ${value(check.actual ?? 'nothing')}`;
}

function scopeNote({ scope }: AttestationResult): string {
  if (scope === 'live') return ', on a connection of its own';
  return scope === 'hardware' ? ', which asks for the hardware only' : ', from a file';
}

function decision({ decidedBy, checks }: AttestationResult): string {
  if (decidedBy === null) return '';
  const check = checks.find((one) => one.id === decidedBy);
  return check === undefined ? `: ${decidedBy}` : `: ${decidedBy}: ${clean(check.message)}`;
}

function short(digest: string): string {
  return digest === '' ? 'unknown' : `${digest.slice(0, 16)}…`;
}
