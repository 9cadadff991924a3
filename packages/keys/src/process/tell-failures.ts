/**
 * Tells the operator why evidence cannot be made: clients are told only that it cannot, and whoever asks often
 * must not fill a log.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/** What is not worth a line: it passes, and clients are told to come again. */
const PASSING = 'attester.busy';

/**
 * Runs `work`, and writes why it failed where the last one did not fail for the same reason, and that it is
 * well again.
 */
export function tellFailures(write: (line: string) => void): <T>(work: () => Promise<T>) => Promise<T> {
  let told: string | undefined;
  return async (work) => {
    try {
      const result = await work();
      if (told !== undefined) write('evidence is made again');
      told = undefined;
      return result;
    } catch (error) {
      const why = reasonOf(error);
      if (why !== undefined && why !== told) write(`no evidence can be made: ${why}`);
      told = why ?? told;
      throw error;
    }
  };
}

function reasonOf(error: unknown): string | undefined {
  // The text of a foreign error could hold anything.
  if (!(error instanceof VitrineError)) return 'the key service could not do that';
  return error.code === PASSING ? undefined : error.message;
}
