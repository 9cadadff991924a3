/**
 * `npm run test:kills [-- --count 1000] [-- --at-once 2] [-- --anchored 300]`: the key service is killed while 16
 * callers sign, so many times; each time what it left must be exact. Then the same with a freshness service, where
 * one state goes through many lives. `npm test` does it a few times.
 *
 * Exit code 0 when everything was exact, 1 otherwise.
 *
 * @module
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type AnchoredLives, killAnchored } from './kill-anchored.ts';
import { type Killed, killOnce } from './kill-once.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000' },
    anchored: { type: 'string', default: '300' },
    'at-once': { type: 'string', default: `${availableParallelism()}` },
  },
});
const count = Number(values.count);
const PROGRESS_MS = 10_000;

const killed: Killed[] = [];
const failures: string[] = [];
const started = performance.now();
let begun = 0;
let shown = started;

async function work(): Promise<void> {
  while (begun < count) {
    begun++;
    try {
      killed.push(await killOnce());
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
      process.stdout.write(`FAILED  ${failures.at(-1)}\n`);
    }
    if (performance.now() - shown < PROGRESS_MS) continue;
    shown = performance.now();
    process.stderr.write(`${killed.length + failures.length} of ${count}\n`);
  }
}

await Promise.all(Array.from({ length: Number(values['at-once']) }, work));

const sum = (of: keyof Killed): number => killed.reduce((total, one) => total + one[of], 0);
process.stdout.write(
  `${killed.length} of ${count} kills left everything exact, in ${((performance.now() - started) / 1000).toFixed(0)} s: ` +
    `${sum('signatures')} acknowledged signatures, each with its one reservation; ${sum('documents')} acknowledged documents; ` +
    `${sum('refused')} refused by the limit; ${sum('unacknowledged')} reservations of signatures that were on their way\n`,
);

/** Of one state. */
const KILLS_OF_A_STATE = 15;
const states = Math.ceil(Number(values.anchored) / KILLS_OF_A_STATE);
const lives: AnchoredLives[] = [];
let begunStates = 0;

async function workAnchored(): Promise<void> {
  while (begunStates < states) {
    begunStates++;
    try {
      lives.push(await killAnchored(KILLS_OF_A_STATE));
      process.stderr.write(`${lives.length} of ${states} anchored states\n`);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
      process.stdout.write(`FAILED  ${failures.at(-1)}\n`);
    }
  }
}

const startedStates = performance.now();
await Promise.all(Array.from({ length: Number(values['at-once']) }, workAnchored));
const total = (of: keyof AnchoredLives): number => lives.reduce((all, one) => all + one[of], 0);
process.stdout.write(
  `${total('kills')} kills of ${lives.length} anchored states left everything exact, in ${((performance.now() - startedStates) / 1000).toFixed(0)} s: ` +
    `${total('between')} between disk and anchor; ${total('signatures')} acknowledged signatures, never beyond one budget for a state; ` +
    `${total('documents')} acknowledged documents; ${total('refused')} refused by the limit; ${total('olderRefused')} older copies refused\n`,
);
process.exitCode = killed.length === count && lives.length === states && failures.length === 0 ? 0 : 1;
