/**
 * Cuts `text/event-stream` bytes behind each event without changing one of them, so that an event
 * can be looked at before it is passed on. Nothing acts on an event before its blank line, so
 * holding it until then delays nobody.
 *
 * @module
 */

const LF = 0x0a;
const CR = 0x0d;

/** One event, comment or rest of a stream, as the chunks that it came in. */
export type Frame = readonly Uint8Array[];

export interface FrameCutter {
  /** Takes a chunk; gives the frames that are complete with it. */
  push(chunk: Uint8Array): readonly Frame[];
  /** What is left at the end of the stream; empty when nothing is. */
  rest(): Frame;
}

export function createFrameCutter(): FrameCutter {
  let held: Uint8Array[] = [];
  let lineStart = true;
  let afterCr = false;
  return {
    push(chunk) {
      const frames: Frame[] = [];
      let from = 0;
      let nextCr = chunk.indexOf(CR);
      for (let at = 0; at < chunk.length; ) {
        if (afterCr && chunk[at] === LF) {
          // The second half of a CR LF ends no line of its own.
          afterCr = false;
          at++;
          continue;
        }
        afterCr = false;
        if (nextCr !== -1 && nextCr < at) nextCr = chunk.indexOf(CR, at);
        const lf = chunk.indexOf(LF, at);
        const end = lf === -1 ? nextCr : nextCr === -1 ? lf : Math.min(lf, nextCr);
        if (end !== at) lineStart = false;
        if (end === -1) break;
        at = end + 1;
        afterCr = end === nextCr;
        if (lineStart) {
          frames.push([...held, chunk.subarray(from, at)]);
          held = [];
          from = at;
        }
        lineStart = true;
      }
      if (from < chunk.length) held.push(chunk.subarray(from));
      return frames;
    },
    rest() {
      const left = held;
      held = [];
      return left;
    },
  };
}

/** The data of a frame's event, whatever its name; empty for comments. */
export function dataOf(frame: Frame): string {
  const decoder = new TextDecoder();
  const text = frame.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode();
  return text
    .split(/\r\n|\n|\r/)
    .flatMap((line) => (line.startsWith('data:') ? [line.slice(5).replace(/^ /, '')] : []))
    .join('\n');
}
