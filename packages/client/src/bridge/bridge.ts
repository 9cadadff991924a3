/**
 * The bridge: a stdio MCP server that verifies a remote one first and then relays to it.
 *
 * Nothing of the client reaches the server before a judged connection exists. A refusal is told to
 * the client for each of its requests and to people in one line; it is final for this process,
 * unless nothing could be found out.
 *
 * @module
 */
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanText } from '../clean-text.ts';
import { describeRefusal, isFinal, isSignIn, type Refusal } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import { requestsIn } from './exchanges.ts';
import { readLines } from './line-reader.ts';
import { createLineWriter } from './line-writer.ts';
import { classify, errorText, type Kind } from './message.ts';
import { createRelay, type Relay } from './relay.ts';
import { refusalError } from './rpc-error.ts';

/** How long answers are waited for after the client has closed its side. */
const GRACE_MS = 1_500;
/** How long a verification under way is waited for then. */
const VERIFY_MS = 60_000;

/** What the bridge relays over. */
interface BridgeChannel {
  readonly fetch: FetchLike;
  prepare(): Promise<void>;
  close(): Promise<void>;
}

export interface BridgeOptions {
  readonly url: string;
  /** Resolves what is demanded of the server; a deliberate error is a refusal. */
  readonly open: () => Promise<BridgeChannel>;
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable;
  readonly errorOutput: Writable;
  /** Ends the bridge at once. */
  readonly signal?: AbortSignal;
}

/**
 * Runs until `input` ends, `signal` fires, or a refusal is met by a person at a terminal.
 *
 * @returns The exit code: 0, or that of the refusal. Rejects only for a defect.
 */
export async function runBridge(options: BridgeOptions): Promise<number> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  const emit = createLineWriter(options.output, stop);
  const report = createReporter(options.errorOutput);
  options.signal?.addEventListener('abort', stop, { once: true });
  if (options.signal?.aborted === true) stop();
  stopping.signal.addEventListener('abort', () => options.input.destroy(), { once: true });

  let final: Refusal | undefined;
  let unverified: Refusal | undefined;
  let channel: BridgeChannel | undefined;
  let relay: Relay | undefined;
  let attempt: Promise<Relay | Refusal> | undefined;

  function refuse(error: unknown): Refusal {
    const refusal = describeRefusal(error);
    if (refusal === undefined) throw error;
    const what = isSignIn(refusal) ? 'not signed in' : 'refused';
    report(`${what}: ${refusal.check}: ${refusal.message}`, refusal.details);
    if (isFinal(refusal)) {
      final ??= refusal;
      if (options.input.isTTY === true) stop();
    }
    return refusal;
  }

  async function connect(): Promise<Relay | Refusal> {
    try {
      channel ??= await options.open();
      await channel.prepare();
    } catch (error) {
      const refusal = refuse(error);
      unverified = refusal;
      if (!isFinal(refusal)) {
        attempt = undefined;
        if (options.input.isTTY === true) stop();
      }
      return refusal;
    }
    unverified = undefined;
    const onFailure = (error: unknown): boolean => describeRefusal(error) === undefined || !isFinal(refuse(error));
    const { fetch } = channel;
    relay = createRelay({ url: options.url, fetch, emit, onFailure, report });
    return relay;
  }

  async function handle(message: Kind, text: string): Promise<void> {
    attempt ??= connect();
    const opened = await attempt;
    const refusal = final ?? ('check' in opened ? opened : undefined);
    if (refusal === undefined) return (opened as Relay).take(message, text);
    for (const { id } of requestsIn(message)) await emit(errorText(id, refusalError(refusal)));
  }

  let defect: unknown;
  const onDefect = (error: unknown): void => {
    defect ??= error;
    stop();
  };
  attempt = connect();
  attempt.catch(onDefect);
  const handling = new Set<Promise<void>>();
  try {
    for await (const line of readLines(options.input)) {
      const read = readMessage(line);
      if (read === undefined) continue;
      if ('error' in read) {
        await emit(read.error);
        continue;
      }
      const done: Promise<void> = handle(read.message, read.text)
        .catch(onDefect)
        .finally(() => handling.delete(done));
      handling.add(done);
    }
  } catch (error) {
    // Destroying the input is how the loop is left early.
    if (!stopping.signal.aborted) throw error;
  }
  try {
    // What came before the end of input is still answered, as far as that takes no long time.
    await waitAtMost(Promise.all([attempt, ...handling]), VERIFY_MS, stopping.signal);
    await waitAtMost(relay?.idle() ?? Promise.resolve(), GRACE_MS, stopping.signal);
  } finally {
    await relay?.close();
    await channel?.close();
  }
  if (defect !== undefined) throw defect;
  return final?.exitCode ?? unverified?.exitCode ?? 0;
}

/** Waits for `work`, at most `ms` milliseconds and not beyond `signal`. */
async function waitAtMost(work: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  const done = new AbortController();
  const limit = delay(ms, undefined, { signal: AbortSignal.any([signal, done.signal]) }).catch(() => undefined);
  try {
    await Promise.race([work, limit]);
  } finally {
    done.abort();
  }
}

type Read = { readonly message: Kind; readonly text: string } | { readonly error: string };

function readMessage(line: string | undefined): Read | undefined {
  if (line === undefined) return { error: errorText(null, { code: -32600, message: 'the message is too long' }) };
  if (line.trim() === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { error: errorText(null, { code: -32700, message: 'the line is not JSON' }) };
  }
  const message = classify(value);
  return message === undefined
    ? { error: errorText(null, { code: -32600, message: 'the line is not a JSON-RPC message' }) }
    : { message, text: line };
}

/** Writes lines for people, each one once in a row. */
function createReporter(output: Writable): (line: string, details?: readonly string[]) => void {
  let last: string | undefined;
  return (line, details = []) => {
    const text = cleanText(line, 8_000);
    if (text === last) return;
    last = text;
    output.write([`vitrine: ${text}`, ...details.map((detail) => `  ${cleanText(detail, 1_000)}`), ''].join('\n'));
  };
}
