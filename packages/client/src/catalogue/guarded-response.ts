/**
 * A response whose body is looked at on its way to the reader.
 *
 * @module
 */

/** Sees each chunk and says what may go on, and when. An error ends the body with it. */
export interface Passage {
  take(chunk: Uint8Array): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** What is left when the body is complete. */
  end(): AsyncIterable<Uint8Array>;
}

/**
 * `response` with its body led through `passage`; status and headers stay. A reader that stops early
 * stops the original, and nothing is read before it is asked for.
 */
export function guardBody(response: Response, passage: Passage): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const pieces = lead(reader, passage);
  const body = new ReadableStream<Uint8Array>(
    {
      // One piece at a time: an error must not take away what was passed on before it.
      async pull(controller) {
        try {
          const piece = await pieces.next();
          if (piece.done === true) controller.close();
          else controller.enqueue(piece.value);
        } catch (error) {
          controller.error(error);
          await reader.cancel(error).catch(() => undefined);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  // Through a list of pairs: the two implementations of `Headers` do not know each other.
  return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
  });
}

async function* lead(reader: ReadableStreamDefaultReader<Uint8Array>, passage: Passage): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    yield* passage.take(value);
  }
  yield* passage.end();
}
