/**
 * The long run of the comparison with viem: `node --conditions=@vitrine/source test/differential/evm.ts
 * [--cases N] [--seed N]`, 100,000 cases without options.
 *
 * Exit code 0 when nothing was read differently, 1 otherwise, 2 for wrong arguments.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { runEvmCases } from './evm-cases.ts';

const { values } = parseArgs({ options: { cases: { type: 'string' }, seed: { type: 'string' } } });
const cases = Number(values.cases ?? 100_000);
const seed = Number(values.seed ?? Math.floor(Date.now() / 1000));
if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('--cases and --seed: expected whole numbers\n');
  process.exit(2);
}
const started = performance.now();
const outcome = await runEvmCases(cases, seed);
const seconds = (performance.now() - started) / 1000;
process.stdout.write(
  `seed ${seed}: ${outcome.cases} transactions in ${seconds.toFixed(1)} s, ${outcome.accepted} accepted ` +
    `(${outcome.acceptedDamaged} of them damaged, ${outcome.assembled} signed), ${outcome.differences.length} differences\n`,
);
for (const [code, count] of Object.entries(outcome.refusals).sort(([, one], [, two]) => two - one))
  process.stdout.write(`  refused ${code}: ${count}\n`);
for (const difference of outcome.differences) process.stdout.write(`DIFFERENT ${difference}\n`);
process.exitCode = outcome.differences.length === 0 ? 0 : 1;
