/**
 * The other end of a server's key socket, with answers that a test gives.
 *
 * @module
 */
import type { Duplex } from 'node:stream';

export interface AskedLine {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

/** What to answer; `undefined` answers nothing. */
export type Answer = (asked: AskedLine) => { readonly result: unknown } | { readonly error: unknown } | undefined;

/** Answers each line that comes; gives all that was asked. */
export function answering(socket: Duplex, answer: Answer): readonly AskedLine[] {
  const asked: AskedLine[] = [];
  let rest = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const one = JSON.parse(line) as AskedLine;
      asked.push(one);
      const said = answer(one);
      if (said !== undefined) socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: one.id, ...said })}\n`);
    }
  });
  socket.on('error', () => undefined);
  return asked;
}
