/**
 * One server's connection: JSON-RPC 2.0, a request a line, answered as they are done.
 *
 * Text is read strictly, so that no two readers differ about what was asked. A request counts as running
 * until its answer is written, and with too many of them nothing more is read: whoever does not read its
 * answers cannot make the service hold them. Batches are refused, notifications are ignored.
 *
 * Specification: JSON-RPC 2.0.
 *
 * @module
 */
import type { Duplex } from 'node:stream';
import { type JsonValue, parseStrictJson } from '@vitrine/documents';
import { MAX_LINE_BYTES } from '../wire.ts';
import { errorMember, JSON_RPC, RequestError } from './request-error.ts';
import { requestLines } from './request-lines.ts';

/** Answers one request; `signal` is aborted when the server has gone. */
export type RequestHandler = (method: string, params: JsonValue, signal: AbortSignal) => Promise<unknown>;

export interface Connection {
  close(): void;
}

type Id = string | number;

export const MAX_RUNNING = 64;
/** Begun in one turn of the event loop: then it is the turn of other servers. */
const MOST_IN_TURN = 8;
/** Whoever writes so many lines that are no requests speaks something else. */
const MAX_MALFORMED = 3;
const MAX_ID_LENGTH = 256;

/** Serves `socket` until either side ends. @param onEnd - Called once. */
export function serveConnection(
  socket: Duplex,
  handle: RequestHandler,
  onEnd: () => void = () => undefined,
): Connection {
  const lines = requestLines(MAX_LINE_BYTES);
  const gone = new AbortController();
  const queue: (string | undefined)[] = [];
  const running = new Set<Id>();
  let unwritten = 0;
  let begunInTurn = 0;
  let malformed = 0;

  function end(): void {
    if (gone.signal.aborted) return;
    gone.abort();
    queue.length = 0;
    socket.destroy();
    onEnd();
  }

  function write(message: object): void {
    if (gone.signal.aborted) return;
    unwritten++;
    socket.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`, () => {
      unwritten--;
      work();
    });
  }

  /** Ends the connection after the last word has been written; what still runs is answered no more. */
  function hangUp(): void {
    if (gone.signal.aborted) return;
    gone.abort();
    queue.length = 0;
    socket.pause();
    socket.end(() => socket.destroy());
    onEnd();
  }

  function complain(error: RequestError): void {
    write({ id: null, error: errorMember(error) });
    malformed++;
    if (malformed >= MAX_MALFORMED) hangUp();
  }

  async function run(id: Id, method: string, params: JsonValue): Promise<void> {
    running.add(id);
    let answer: object;
    try {
      answer = { id, result: await handle(method, params, gone.signal) };
    } catch (error) {
      answer = { id, error: errorMember(error) };
    }
    running.delete(id);
    write(answer);
  }

  function take(line: string | undefined): void {
    const request = readRequest(line);
    if (request instanceof RequestError) {
      complain(request);
    } else if (request.id !== undefined && running.has(request.id)) {
      complain(new RequestError(JSON_RPC.request, 'keys.request', 'another request with that id is running'));
    } else if (request.id !== undefined) {
      void run(request.id, request.method, request.params);
    }
  }

  function nextTurn(): void {
    begunInTurn = 0;
    work();
  }

  function work(): void {
    while (queue.length > 0 && running.size + unwritten < MAX_RUNNING && begunInTurn < MOST_IN_TURN) {
      if (begunInTurn++ === 0) setImmediate(nextTurn);
      take(queue.shift());
    }
    if (queue.length > 0 || running.size + unwritten >= MAX_RUNNING) socket.pause();
    else if (socket.isPaused() && !gone.signal.aborted) socket.resume();
  }

  socket.on('data', (chunk: Uint8Array) => {
    const isWell = lines.push(chunk, (line) => void queue.push(line));
    work();
    if (isWell) return;
    write({
      id: null,
      error: errorMember(
        new RequestError(JSON_RPC.request, 'keys.request', `a request must be at most ${MAX_LINE_BYTES} bytes long`),
      ),
    });
    hangUp();
  });
  for (const event of ['end', 'close', 'error']) socket.on(event, end);
  return { close: end };
}

interface ReadRequest {
  /** Absent: a notification. */
  readonly id?: Id;
  readonly method: string;
  readonly params: JsonValue;
}

const MEMBERS: readonly string[] = ['jsonrpc', 'id', 'method', 'params'];

function readRequest(line: string | undefined): ReadRequest | RequestError {
  if (line === undefined) return new RequestError(JSON_RPC.parse, 'keys.request', 'a request must be UTF-8');
  let value: JsonValue;
  try {
    value = parseStrictJson(line);
  } catch (error) {
    return new RequestError(JSON_RPC.parse, 'keys.request', error instanceof Error ? error.message : 'not JSON');
  }
  const invalid = (why: string): RequestError => new RequestError(JSON_RPC.request, 'keys.request', why);
  if (Array.isArray(value)) return invalid('batches are not accepted');
  if (typeof value !== 'object' || value === null) return invalid('a request must be an object');
  const request = value as Readonly<Record<string, JsonValue>>;
  if (request['jsonrpc'] !== '2.0') return invalid('"jsonrpc" must be "2.0"');
  const unknown = Object.keys(request).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return invalid(`unknown member ${JSON.stringify(unknown.slice(0, 80))}`);
  const { method, id, params = {} } = request;
  if (typeof method !== 'string') return invalid('"method" must be text');
  if (id === undefined) return { method, params };
  if (typeof id === 'number' || (typeof id === 'string' && id.length <= MAX_ID_LENGTH)) return { id, method, params };
  return invalid(`"id" must be a number, or text of at most ${MAX_ID_LENGTH} characters`);
}
