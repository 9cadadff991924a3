import { expect, vi } from 'vitest';
import { promise } from '../promises.ts';
import { killAnchored } from './kill-anchored.ts';
import { type Killed, killOnce } from './kill-once.ts';

/** `npm run test:kills` does 1,000. */
const KILLS = 12;
/** Half a second each, and what a loaded machine needs. */
vi.setConfig({ testTimeout: 120_000 });

promise.unless(
  process.platform === 'win32' && 'there is no SIGKILL',
  'P4',
  `after kill -9 while 16 callers sign, budgets, acknowledged signatures and documents are exact (${KILLS} of ${KILLS} times)`,
  async () => {
    const killed: Killed[] = [];
    const kill = async (): Promise<void> => {
      for (let count = 0; count < KILLS / 2; count++) killed.push(await killOnce());
    };
    await Promise.all([kill(), kill()]);
    expect(killed.reduce((sum, { signatures }) => sum + signatures, 0)).toBeGreaterThan(0);
  },
);

/** Of one state; `npm run test:kills` does 300 in all. */
const ANCHORED_KILLS = 6;

promise.unless(
  process.platform === 'win32' && 'there is no SIGKILL',
  'P4',
  `with a freshness service one budget holds over ${ANCHORED_KILLS} kills and restarts, no restart is refused, and every older copy is`,
  async () => {
    const lives = await killAnchored(ANCHORED_KILLS);
    expect(lives.signatures).toBeGreaterThan(0);
    expect(lives.olderRefused).toBe(ANCHORED_KILLS - 1);
  },
);
