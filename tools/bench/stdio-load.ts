/**
 * Drives a stdio MCP server with tool calls: raw lines, so that what is measured is the server and
 * not a client library.
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';

export interface StdioServer {
  /** Milliseconds from the start of the process to the answer to `initialize`. */
  readonly startMs: number;
  /** One tool call; resolves when it is answered, and rejects where the answer is not the expected one. */
  call(): Promise<void>;
  /** Resident memory, in kB. Linux only. */
  memory(): Promise<number>;
  stop(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly result?: { readonly content?: readonly { readonly text?: string }[] };
}

export async function startStdio(args: readonly string[], env: Record<string, string>): Promise<StdioServer> {
  const start = performance.now();
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, args, {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  let parts: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = chunk.split('\n');
    for (const [index, line] of lines.entries()) {
      parts.push(line);
      if (index === lines.length - 1) break;
      const answer = JSON.parse(parts.join('')) as Answer;
      parts = [];
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
    }
  });
  let last = 0;
  const send = (message: object): boolean => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const request = (method: string, params: object): Promise<Answer> => {
    const id = ++last;
    return new Promise((resolve) => {
      waiting.set(id, (answer) => {
        waiting.delete(id);
        resolve(answer);
      });
      send({ id, method, params });
    });
  };
  const clientInfo = { name: 'bench', version: '1.0.0' };
  const first = await Promise.race([
    request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }),
    once(child, 'exit').then(() => undefined),
  ]);
  if (first?.result === undefined) throw new Error(`${args.join(' ')} gave no answer: ${JSON.stringify(first)}`);
  const startMs = performance.now() - start;
  send({ method: 'notifications/initialized' });
  return {
    startMs,
    async call() {
      const text = `call ${last}`;
      const { result } = await request('tools/call', { name: 'echo', arguments: { text } });
      if (result?.content?.[0]?.text !== text) throw new Error('another answer than expected');
    },
    async memory() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    },
    async stop() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}

/** Makes `count` calls, `width` of them at any time; gives calls per second. */
export async function load(call: () => Promise<void>, count: number, width: number): Promise<number> {
  const start = performance.now();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: width }, worker));
  return (count * 1_000) / (performance.now() - start);
}
