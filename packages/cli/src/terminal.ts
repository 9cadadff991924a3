/**
 * Writing for people: colour only where it is wanted, and nothing that a server said can steer the
 * terminal.
 *
 * @module
 */
import { styleText } from 'node:util';
import { visibleText } from '@vitrine/client/clean-text';

type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  /** `text` in a style where the stream is a terminal and `NO_COLOR` is not set, else as it is. */
  style(style: Style, text: string): string;
  /** Columns that a line may have. */
  readonly width: number;
}

/** Wider lines are hard to read; narrower ones would break inside names. */
const WIDEST = 100;
const NARROWEST = 60;

/** A terminal for `stream`; `styleText` itself honours `NO_COLOR`, `FORCE_COLOR` and whether it is a TTY. */
export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  return {
    style: (style, text) => styleText(style, text, { stream }),
    width: Math.max(NARROWEST, Math.min(WIDEST, stream.columns ?? WIDEST)),
  };
}

/** Text from elsewhere, on one line and with everything that is not plainly visible replaced. */
export function clean(text: string): string {
  return visibleText(text);
}

/** Breaks `text` at spaces so that no line is longer than `width`, with `indent` before all but the first. */
export function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width - indent.length) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join(`\n${indent}`);
}
