/**
 * Cuts a byte stream into lines, with a bound on how much of an unfinished line is kept.
 *
 * Chunks are joined once per line, so the cost of a long message is linear in its length.
 *
 * @module
 */

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Hands over what follows the last newline, if anything. */
  end(): void;
}

/**
 * @param maxBytes - Longest line that is kept; may depend on the first byte of the line.
 * @param onLine - Gets each line without its line ending.
 * @param onTooLong - Called once for each longer line, which is skipped, with the length that it may have.
 */
export function createLineSplitter(
  maxBytes: number | ((firstByte: number) => number),
  onLine: (line: string) => void,
  onTooLong: (mostBytes: number) => void,
): LineSplitter {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let most = 0;
  let skipping = false;

  function keep(part: Buffer): void {
    const [first] = part;
    if (skipping || first === undefined) return;
    if (pendingBytes === 0) most = typeof maxBytes === 'number' ? maxBytes : maxBytes(first);
    if (pendingBytes + part.length > most) {
      skipping = true;
      pending = [];
      pendingBytes = 0;
      onTooLong(most);
      return;
    }
    pending.push(part);
    pendingBytes += part.length;
  }

  function finishLine(): void {
    const line = pending.length === 1 && pending[0] !== undefined ? pending[0] : Buffer.concat(pending);
    const wasSkipped = skipping;
    pending = [];
    pendingBytes = 0;
    skipping = false;
    if (wasSkipped) return;
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length;
    onLine(line.toString('utf8', 0, end));
  }

  return {
    push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        keep(chunk.subarray(start, end));
        finishLine();
        start = end + 1;
      }
      keep(chunk.subarray(start));
    },
    end() {
      if (pendingBytes > 0) finishLine();
    },
  };
}
