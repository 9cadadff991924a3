/**
 * Holds every list of tools that a server sends against the pinned catalogue, at the level of
 * `fetch`. What passes, passes byte for byte; what cannot be a list costs one search in its text.
 *
 * A server chooses when, where and how often it answers: on a stream that listens, on a resumed one,
 * in the reply to another request, with an answer to nothing before the real one, or before it was
 * asked. So a request counts as answered only by its own id, nothing that looks like tools passes
 * unseen, and what another reader of JSON might take is not let through unread. Bodies are held until
 * they are complete, events until their blank line, which is when their reader can first act on them.
 *
 * One guard serves one client: ids of several clients could be taken for each other.
 *
 * @module
 */
import { JsonSyntaxError, type JsonValue, parseStrictJson, UsageError } from '@vitrine/documents';
import { ConnectionBrokenError } from '../channel/exchange.ts';
import { RefusedError } from '../errors.ts';
import { MAX_MESSAGE_BYTES } from '../message-size.ts';
import { isObject, unreadable } from './canonical.ts';
import { createFrameCutter, dataOf, type Frame } from './event-frames.ts';
import { guardBody, type Passage } from './guarded-response.ts';
import { type ListRequest, listRequestsIn } from './list-requests.ts';
import { createListing, type Listing } from './listing.ts';
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
/** Requests without an answer beyond this many are forgotten, oldest first; what looks like tools is seen anyway. */
const MAX_PENDING = 1_000;
/** The member's name as itself, or with one of its letters escaped. */
const MAY_LIST = /"tools"|\\u00[67]/i;
/** The start of a JSON object or array, whatever encoding it is in. */
const LIKE_JSON = /^[\s\0\ufeff\ufffd]*[[{]/;

/** Wraps `fetch` so that no other list of tools than the pinned one gets through. */
export function withCatalogue(fetch: FetchLike, { pinned, record, onChange }: CatalogueOptions): FetchLike {
  return guardListing(fetch, createListing(pinned, record), onChange);
}

/** As {@link withCatalogue}, for several clients of one server: each has its guard, and all one listing. */
export function guardListing(
  fetch: FetchLike,
  listing: Listing,
  onChange: (error: RefusedError) => void = () => {},
): FetchLike {
  const pending = new Set<ListRequest>();

  /** Looks at one JSON text; throws when it must not be passed on. Whether it was JSON. */
  async function inspect(text: string, asked: readonly ListRequest[]): Promise<boolean> {
    const open = [...asked.filter((request) => pending.has(request)), ...pending];
    const awaited = open.length > 0;
    if (!awaited && !MAY_LIST.test(text)) return true;
    const parsed = parseEither(text);
    if (parsed === undefined) {
      if (awaited && LIKE_JSON.test(text)) throw unreadable('an answer is not JSON, but other readers may take it');
      return false;
    }
    const answered: ListRequest[] = [];
    for (const message of Array.isArray(parsed.value) ? parsed.value : [parsed.value]) {
      if (!isObject(message)) continue;
      const { id, result } = message as { readonly id?: JsonValue; readonly result?: JsonValue };
      const exact = isAnswer(message) ? open.find((request) => request.id === id) : undefined;
      if (exact === undefined && !(awaited ? hasTools(result) : looksLikeTools(result))) continue;
      if (parsed.error !== undefined) throw unreadable(parsed.error.message, parsed.error);
      if (text.length > MAX_LIST_CHARACTERS) throw unreadable('it is too large');
      if (exact !== undefined) answered.push(exact);
      if (result === undefined) continue;
      // Whatever it claims to answer: a list of tools that arrives now is meant to be read as one.
      const request = exact ?? open.find((one) => String(one.id) === String(id)) ?? open[0];
      if (request === undefined) listing.hold(result);
      else await listing.take(result, request.cursor);
    }
    for (const request of answered) pending.delete(request);
    return true;
  }

  async function guarded(text: string, asked: readonly ListRequest[]): Promise<boolean> {
    try {
      return text === '' || (await inspect(text, asked));
    } catch (error) {
      if (error instanceof RefusedError) onChange(error);
      throw error;
    }
  }

  function remember(asked: readonly ListRequest[]): void {
    for (const request of asked) {
      // A client sends an id again only when it has given up the first request.
      for (const old of pending) if (old.id === request.id) pending.delete(old);
      pending.add(request);
      const [oldest] = pending;
      if (pending.size > MAX_PENDING && oldest !== undefined) pending.delete(oldest);
    }
  }

  return async (url, init) => {
    const asked = listRequestsIn(bodyText(init?.body));
    remember(asked);
    const forget = (): void => {
      for (const request of asked) pending.delete(request);
    };
    let response: Response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      forget();
      throw error;
    }
    if (!isUtf8(response)) {
      const refusal = unreadable('an answer says that it is not UTF-8');
      onChange(refusal);
      await response.body?.cancel(refusal);
      throw refusal;
    }
    // To a request that failed there is no answer. Where one only ended, it can still come elsewhere.
    const over = response.ok ? (): void => {} : forget;
    if (response.body === null) {
      over();
      return response;
    }
    return guardBody(response, isEventStream(response) ? eventPassage(asked) : wholePassage(asked, over));
  };

  function eventPassage(asked: readonly ListRequest[]): Passage {
    const cutter = createFrameCutter();
    const limit = createLimit();
    const pass = async (frame: Frame): Promise<Frame> => {
      await guarded(dataOf(frame), asked);
      return frame;
    };
    return {
      async *take(chunk) {
        limit.add(chunk);
        for (const frame of cutter.push(chunk)) {
          limit.reset();
          yield* await pass(frame);
        }
      },
      async *end() {
        yield* await pass(cutter.rest());
      },
    };
  }

  function wholePassage(asked: readonly ListRequest[], over: () => void): Passage {
    const held: Uint8Array[] = [];
    const limit = createLimit();
    return {
      take(chunk) {
        limit.add(chunk);
        held.push(chunk);
        return [];
      },
      async *end() {
        // Some readers take for a stream of events what others do not.
        if (!(await guarded(decode(held), asked))) {
          const cutter = createFrameCutter();
          const frames = [...held.flatMap((chunk) => cutter.push(chunk)), cutter.rest()];
          for (const frame of frames) await guarded(dataOf(frame), asked);
        }
        over();
        yield* held;
      },
    };
  }
}

/** Counts what is held of one message. */
function createLimit(): { add(chunk: Uint8Array): void; reset(): void } {
  let length = 0;
  return {
    add(chunk) {
      length += chunk.length;
      if (length <= MAX_MESSAGE_BYTES) return;
      throw new ConnectionBrokenError('partial', `the answer has a message of more than ${MAX_MESSAGE_BYTES} bytes`);
    },
    reset() {
      length = 0;
    },
  };
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

/** A server's own requests may have the same ids. */
function isAnswer({ method, result, error }: { readonly [key: string]: JsonValue }): boolean {
  return typeof method !== 'string' && (result !== undefined || error !== undefined);
}

function hasTools(result: JsonValue | undefined): result is { readonly tools: readonly JsonValue[] } {
  return isObject(result) && Array.isArray(result['tools']);
}

/** Whether a result that nobody asked for has what every client demands of a tool. */
function looksLikeTools(result: JsonValue | undefined): boolean {
  return (
    hasTools(result) &&
    result.tools.some((tool) => isObject(tool) && typeof tool['name'] === 'string' && isObject(tool['inputSchema']))
  );
}

/** Messages are UTF-8; a reader that believes another name would read something else. */
function isUtf8(response: Response): boolean {
  const type = response.headers.get('content-type') ?? '';
  const [, charset] = /;\s*charset\s*=\s*"?([^";,\s]*)/i.exec(type) ?? [];
  return charset === undefined || /^utf-?8$/i.test(charset) || !/json|event-stream/i.test(type);
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
