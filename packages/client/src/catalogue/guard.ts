/**
 * Holds every list of tools that a server sends against the pinned catalogue, at the level of
 * `fetch`: what is not an answer to `tools/list` passes byte for byte, and costs one search in the
 * text of its request.
 *
 * An answer can come where it was not asked for: on a stream that listens, on a resumed one, even
 * in the reply to another request. So while a `tools/list` is unanswered everything that arrives is
 * looked at. Bodies are held until they are complete, events until their blank line, which is when
 * their reader can first act on them.
 *
 * One guard serves one client: ids of several clients could be taken for each other.
 *
 * @module
 */
import { JsonSyntaxError, type JsonValue, parseStrictJson, UsageError } from '@vitrine/documents';
import { RefusedError } from '../errors.ts';
import { isObject, unreadable } from './canonical.ts';
import { createFrameCutter, dataOf, type Frame } from './event-frames.ts';
import { guardBody, type Passage } from './guarded-response.ts';
import { type ListRequest, listRequestsIn } from './list-requests.ts';
import { createListing } from './listing.ts';
import type { PinnedCatalogue } from './pinned-catalogue.ts';

export type FetchLike = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface CatalogueOptions {
  /** What the pin says; `undefined` where nothing is pinned yet. */
  readonly pinned: PinnedCatalogue | undefined;
  /** Keeps the first complete listing. Its last page is passed on only after this has resolved. */
  readonly record: (catalogue: PinnedCatalogue) => Promise<void>;
  /** Told each refusal, which then also comes out of the response. `details` has the lines for people. */
  readonly onChange: (error: RefusedError) => void;
}

/** A list of tools that is larger than this is refused. */
const MAX_LIST_CHARACTERS = 32 << 20;

/** Wraps `fetch` so that no other list of tools than the pinned one gets through. */
export function withCatalogue(fetch: FetchLike, { pinned, record, onChange }: CatalogueOptions): FetchLike {
  const listing = createListing(pinned, record);
  const pending = new Set<ListRequest>();

  /** Looks at one JSON text; throws when it must not be passed on. */
  async function inspect(text: string, asked: readonly ListRequest[]): Promise<void> {
    if (pending.size === 0 || text === '') return;
    const parsed = parseEither(text);
    if (parsed === undefined) return;
    for (const message of Array.isArray(parsed.value) ? parsed.value : [parsed.value]) {
      const request = findAnswered(message, asked, pending);
      if (request === undefined) continue;
      if (parsed.error !== undefined) throw unreadable(parsed.error.message, parsed.error);
      if (text.length > MAX_LIST_CHARACTERS) throw unreadable('it is too large');
      pending.delete(request);
      if (isObject(message) && message['result'] !== undefined) await listing.take(message['result'], request.cursor);
    }
  }

  async function guarded(text: string, asked: readonly ListRequest[]): Promise<void> {
    try {
      await inspect(text, asked);
    } catch (error) {
      if (error instanceof RefusedError) onChange(error);
      throw error;
    }
  }

  return async (url, init) => {
    const asked = listRequestsIn(bodyText(init?.body));
    for (const request of asked) {
      // A client sends an id again only when it has given up the first request.
      for (const old of pending) if (sameId(old.id, request.id)) pending.delete(old);
      pending.add(request);
    }
    const forget = (): void => {
      for (const request of asked) pending.delete(request);
    };
    if (asked.length > 0) init?.signal?.addEventListener('abort', forget, { once: true });
    let response: Response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      forget();
      throw error;
    }
    if (response.body === null) {
      if (!response.ok) forget();
      return response;
    }
    return guardBody(response, isEventStream(response) ? eventPassage(asked) : wholePassage(asked, forget));
  };

  function eventPassage(asked: readonly ListRequest[]): Passage {
    const cutter = createFrameCutter();
    const pass = async (frame: Frame): Promise<Frame> => {
      if (pending.size > 0) await guarded(dataOf(frame), asked);
      return frame;
    };
    return {
      async *take(chunk) {
        for (const frame of cutter.push(chunk)) yield* await pass(frame);
      },
      async *end() {
        yield* await pass(cutter.rest());
      },
    };
  }

  function wholePassage(asked: readonly ListRequest[], forget: () => void): Passage {
    const held: Uint8Array[] = [];
    return {
      take(chunk) {
        held.push(chunk);
        return [];
      },
      async *end() {
        if (pending.size > 0) {
          await guarded(decode(held), asked);
          // It was the whole answer to them; what did not come in it will not come.
          forget();
        }
        yield* held;
      },
    };
  }
}

interface Parsed {
  readonly value: JsonValue;
  /** Why it is not strict JSON. */
  readonly error: JsonSyntaxError | undefined;
}

/**
 * Reads as a client might. What only a lenient reader takes is refused as a list of tools, but is
 * nobody's business here as anything else.
 */
function parseEither(text: string): Parsed | undefined {
  try {
    return { value: parseStrictJson(text), error: undefined };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    try {
      return { value: JSON.parse(text) as JsonValue, error };
    } catch {
      return undefined;
    }
  }
}

/** The request that `message` answers, those of its own exchange first. */
function findAnswered(
  message: JsonValue,
  asked: readonly ListRequest[],
  pending: ReadonlySet<ListRequest>,
): ListRequest | undefined {
  if (!isObject(message) || message['method'] !== undefined) return undefined;
  const open = [...asked.filter((request) => pending.has(request)), ...pending];
  const { id, result } = message as { readonly id?: JsonValue; readonly result?: JsonValue };
  const named = open.find((request) => sameId(request.id, id));
  if (named !== undefined) return named;
  // Whatever it claims to answer: a list of tools that arrives now is meant to be read as one.
  return isObject(result) && Array.isArray(result['tools']) ? open[0] : undefined;
}

/** Clients compare ids loosely: some turn `"5"` into 5. */
function sameId(left: JsonValue, right: JsonValue | undefined): boolean {
  return left === right || String(left) === String(right) || (right != null && Number(left) === Number(right));
}

function isEventStream(response: Response): boolean {
  const type = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  return response.ok && type === 'text/event-stream';
}

function bodyText(body: RequestInit['body']): string {
  if (body === undefined || body === null) return '';
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  if (body instanceof ArrayBuffer) return new TextDecoder().decode(body);
  // Forms carry no JSON-RPC; anything else could, unseen.
  if (body instanceof URLSearchParams || body instanceof FormData) return '';
  throw new UsageError('catalogue.body', 'a request to a pinned server needs its body as text or bytes');
}

function decode(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join('') + decoder.decode();
}
