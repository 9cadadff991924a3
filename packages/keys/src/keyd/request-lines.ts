/**
 * Cuts what a server writes into lines of strict UTF-8, with a bound on each.
 *
 * @module
 */

const NEWLINE = 0x0a;

/** A line is `undefined` where it is not UTF-8. */
export interface RequestLines {
  /** Whether all is well: `false` once a line is longer than allowed, after which nothing is read any more. */
  push(chunk: Uint8Array, onLine: (line: string | undefined) => void): boolean;
}

export function requestLines(maxBytes: number): RequestLines {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let pending: Uint8Array[] = [];
  let bytes = 0;

  const decode = (line: Uint8Array): string | undefined => {
    try {
      return decoder.decode(line);
    } catch {
      return undefined;
    }
  };

  return {
    push(chunk, onLine) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
        const part = chunk.subarray(start, end);
        start = end + 1;
        if (bytes + part.length > maxBytes) return false;
        const line = pending.length === 0 ? part : Buffer.concat([...pending, part]);
        pending = [];
        bytes = 0;
        onLine(decode(line));
      }
      const rest = chunk.subarray(start);
      bytes += rest.length;
      if (bytes > maxBytes) return false;
      if (rest.length > 0) pending.push(rest);
      return true;
    },
  };
}
