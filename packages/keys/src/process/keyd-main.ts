/**
 * The key service as a program: what an entry file calls, with the platform that it knows.
 *
 * @module
 */
import { openKeyd } from '../keyd/keyd.ts';
import { answerSupervisor, type RunKeydOptions } from './answer-supervisor.ts';

/**
 * Runs the key service until the supervisor has gone.
 *
 * @throws UsageError (`keys.process`) where the process was not started by `spawnKeyd`.
 */
export function runKeyd(options: RunKeydOptions): void {
  answerSupervisor(options, openKeyd);
}
