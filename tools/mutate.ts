/**
 * `npm run mutate`: mutation testing of what authenticates and appraises, folder by folder.
 *
 * Each group of sources is run against the tests that are about it, which is many times faster than
 * all tests for each mutant, and stricter: a mutant that only a test elsewhere notices survives.
 * What each score means and why the survivors do not matter is in `docs/mutation.md`.
 *
 * `npm run mutate -- snp tpm` runs two groups; `npm run mutate -- --force` forgets earlier results,
 * which otherwise spare mutants whose source and tests are the same as before.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of each file, in percent; the task is not to have a good average. */
const LEAST_SCORE = 85;

const root = fileURLToPath(new URL('..', import.meta.url));
const source = 'packages/verifier/src';

interface Group {
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
}

const files = (folder: string, ending: string, ...names: readonly string[]): readonly string[] =>
  names.map((name) => [source, folder, `${name}${ending}`].filter((part) => part !== '').join('/'));

const technology = (name: string): Group => ({
  mutate: [...files(name, '*.ts', 'authenticate', 'appraise'), ...files(name, '.test.ts', '*').map((one) => `!${one}`)],
  tests: files(name, '.test.ts', '*'),
});

/** `one-byte.test.ts` repeats a verification hundreds of times and finds nothing that the others do not. */
const TDX_TESTS: readonly string[] = files(
  'tdx',
  '.test.ts',
  ...['appraise', 'appraise-tcb', 'authenticate', 'policy', 'revocation', 'version-5'],
);

const GROUPS: Readonly<Record<string, Group>> = {
  snp: technology('snp'),
  nitro: technology('nitro'),
  tpm: technology('tpm'),
  eventlog: technology('eventlog'),
  sgx: technology('sgx'),
  tdx: { ...technology('tdx'), tests: TDX_TESTS },
  x509: {
    mutate: files('x509', '.ts', 'certificate', 'chain', 'crl'),
    tests: [...files('x509', '.test.ts', '*'), ...files('tdx', '.test.ts', 'authenticate', 'revocation')],
  },
  dcap: {
    mutate: files('dcap', '.ts', 'authenticate', 'appraise-platform', 'appraise-tcb', 'collateral', 'endorsements'),
    tests: [
      ...files('dcap', '.test.ts', 'collateral', 'differences', 'fetched', 'memory', 'remembered', 'signed-json'),
      ...files('tdx', '.test.ts', 'appraise-tcb', 'authenticate', 'revocation'),
    ],
  },
  tcb: {
    mutate: files('dcap', '.ts', 'judge-status', 'levels', 'qe-identity', 'tcb-status'),
    tests: [...files('dcap', '.test.ts', 'differences', 'status', 'tcb'), ...files('tdx', '.test.ts', 'appraise-tcb')],
  },
  common: {
    mutate: files('', '.ts', 'verify', 'verdict', 'bindings', 'workload'),
    tests: files('', '.test.ts', 'verify', 'verdict', 'bindings', 'workload'),
  },
};

type Report = {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
};

function resultsOf(name: string): string {
  return join('node_modules', '.cache', 'stryker', `${name}.json`);
}

/** Runs one group; its results are in the file of {@link resultsOf}. */
function run(name: string, { mutate, tests }: Group, options: readonly string[]): boolean {
  const { status, error } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js'),
      'run',
      ...['--mutate', mutate.join(',')],
      ...['--testFiles', tests.join(',')],
      ...['--incrementalFile', resultsOf(name)],
      ...['--tempDirName', join('node_modules', '.cache', `stryker-${name}`)],
      ...options,
    ],
    { cwd: root, stdio: 'inherit' },
  );
  if (error !== undefined) throw error;
  return status === 0;
}

/** One line for each file, and whether it is good enough. */
function summarise(name: string): readonly (readonly [line: string, good: boolean])[] {
  const { files: judged } = JSON.parse(readFileSync(join(root, resultsOf(name)), 'utf8')) as Report;
  // A pattern that fits no file must not look like a good score.
  if (Object.keys(judged).length === 0) return [[`no file of ${name} was changed`, false]];
  return Object.entries(judged).map(([file, { mutants }]) => {
    const count = (...statuses: readonly string[]): number =>
      mutants.filter(({ status }) => statuses.includes(status)).length;
    const killed = count('Killed', 'Timeout');
    const all = killed + count('Survived', 'NoCoverage');
    const score = all === 0 ? 100 : (100 * killed) / all;
    return [`${score.toFixed(1).padStart(6)} %  ${killed} of ${all}  ${file}`, score >= LEAST_SCORE];
  });
}

const options = process.argv.slice(2).filter((one) => one.startsWith('--'));
const named = process.argv.slice(2).filter((one) => !one.startsWith('--'));
const unknown = named.find((name) => !(name in GROUPS));
if (unknown !== undefined) {
  process.stderr.write(`no group ${unknown}; there are ${Object.keys(GROUPS).join(', ')}\n`);
  process.exit(2);
}
const names = named.length === 0 ? Object.keys(GROUPS) : named;
const began = performance.now();
const ended = names.map((name) => run(name, GROUPS[name] as Group, options));
const lines = names.flatMap(summarise);
process.stdout.write(`\n${lines.map(([line]) => line).join('\n')}\n`);
process.stdout.write(`${names.join(', ')}: ${Math.round((performance.now() - began) / 1000)} s\n`);
if (!lines.every(([, good]) => good) || ended.includes(false)) {
  process.stderr.write(`at least ${LEAST_SCORE} % of the mutants of each file must be killed\n`);
  process.exitCode = 1;
}
