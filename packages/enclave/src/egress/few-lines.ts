/**
 * Keeps a server that tries without end from filling its operator's log.
 *
 * @module
 */

const MAX_LINES = 60;
const LINES_MS = 60_000;

/**
 * Lines as they come, but so many in a minute; how many were left out is said with the next one.
 *
 * @param now - Monotonic milliseconds.
 */
export function fewLines(tell: (line: string) => void, now: () => number): (line: string) => void {
  let since = Number.NEGATIVE_INFINITY;
  let told = 0;
  return (line) => {
    const time = now();
    if (time - since >= LINES_MS) {
      if (told > MAX_LINES) tell(`egress: ${told - MAX_LINES} more refusals were not shown`);
      since = time;
      told = 0;
    }
    told += 1;
    if (told <= MAX_LINES) tell(line);
  };
}
