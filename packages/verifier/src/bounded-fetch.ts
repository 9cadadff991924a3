/**
 * Getting one document over HTTP, bounded in time and size, without following redirects. What comes
 * back is as untrusted as what a file holds.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents/evidence';

const UNAVAILABLE = 'endorsements.unavailable';

/** The part of the Fetch API that is needed. */
export type Fetch = (
  url: string,
  init: { readonly redirect: 'error'; readonly signal: AbortSignal },
) => Promise<Response>;

export interface BoundedRequest {
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

export interface Answer {
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * A 200 answer, or `undefined` for 404.
 *
 * @throws VitrineError with code `endorsements.unavailable` for everything else.
 */
export async function get(url: string, request: BoundedRequest): Promise<Answer | undefined> {
  let response: Response;
  try {
    response = await request.fetch(url, { redirect: 'error', signal: request.signal });
    if (response.status === 200) {
      return { url, headers: response.headers, body: await bodyOf(response, url, request.maxBytes) };
    }
  } catch (cause) {
    if (cause instanceof VitrineError && cause.code === UNAVAILABLE) throw cause;
    throw unavailable(url, request.signal.aborted ? 'no answer in time' : reasonOf(cause), cause);
  }
  await response.body?.cancel();
  if (response.status === 404) return undefined;
  throw unavailable(url, `it answered ${response.status}`);
}

/** The body of a 200 answer, or `undefined` for 404; otherwise as {@link get}. */
export async function getBytes(url: string, request: BoundedRequest): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return (await get(url, request))?.body;
}

/** The error for a source that did not deliver. */
export function unavailable(url: string, why: string, cause?: unknown): VitrineError {
  return new VitrineError(UNAVAILABLE, `${url}: ${why}`, cause === undefined ? undefined : { cause });
}

async function bodyOf(response: Response, url: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw unavailable(url, `its answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

/** Network stacks hide the reason one level down. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message : String(inner);
}
