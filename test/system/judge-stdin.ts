/**
 * Reads cases from standard input and writes their outcomes: what each Node.js under test runs.
 *
 * @module
 */
import { text } from 'node:stream/consumers';
import { type Case, judgeAll } from './judge.ts';

const cases = JSON.parse(await text(process.stdin)) as readonly Case[];
process.stdout.write(JSON.stringify(await judgeAll(cases)));
