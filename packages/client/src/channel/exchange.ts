/**
 * One HTTP exchange on a connection that is given: a request whose body is complete, and a
 * `Response` whose body streams at the pace of its reader.
 *
 * Against the platform's `fetch` it knows no redirects, cookies, caches, compression or retries, and
 * it says of each failure how far the request had come, which decides whether it may be sent again.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';
import type { Dispatcher } from 'undici';

/**
 * How far a request had come when its connection broke. `unsent`: nothing of it was written.
 * `unanswered`: it was written, at least in part, and no byte of an answer arrived. `partial`: the
 * answer had begun.
 */
export type Progress = 'unsent' | 'unanswered' | 'partial';

/** The connection that carried a request broke. No finding about the server. */
export class ConnectionBrokenError extends VitrineError {
  readonly progress: Progress;

  constructor(progress: Progress, message: string, options?: ErrorOptions) {
    super('channel.broken', message, options);
    this.progress = progress;
  }
}

export interface ExchangeRequest {
  readonly origin: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
  readonly signal: AbortSignal | undefined;
}

/** Starts the exchange; gives what forgets it while it still waits for a connection. */
export type Dispatch = (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => () => void;

/** Received and not read yet; beyond that the server has to wait. */
const BUFFER_BYTES = 256 * 1024;
const WITHOUT_BODY: readonly number[] = [204, 205, 304];

/**
 * Sends `request` and resolves when the head of the answer is there.
 *
 * @throws ConnectionBrokenError; the error of the signal; or the deliberate error for which no
 *   connection was to be had.
 */
export function exchange(dispatch: Dispatch, request: ExchangeRequest): Promise<Response> {
  const { signal, ...options } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let body: ReadableStreamDefaultController<Uint8Array> | undefined;
    let progress: Progress = 'unsent';
    let over = false;

    const finish = (): void => {
      over = true;
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      if (over) return;
      finish();
      if (body === undefined) reject(error);
      else body.error(error);
    };
    const onAbort = (): void => {
      const reason: unknown = signal?.reason;
      fail(reason);
      forget();
      controller?.abort(reason instanceof Error ? reason : new Error('aborted'));
    };
    const stream = (): ReadableStream<Uint8Array> =>
      new ReadableStream<Uint8Array>(
        {
          start(given) {
            body = given;
          },
          pull: () => controller?.resume(),
          cancel() {
            if (over) return;
            finish();
            controller?.abort(new Error('nobody reads the answer'));
          },
        },
        new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
      );

    let forget = (): void => {};
    if (signal?.aborted === true) return reject(signal.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    forget = dispatch(options as Dispatcher.DispatchOptions, {
      onRequestStart(given) {
        controller = given;
        if (over) return given.abort(new Error('aborted'));
        progress = 'unanswered';
      },
      onResponseStart(_, status, headers) {
        // 1xx announces an answer and is none.
        if (over || status < 200) return;
        progress = 'partial';
        const encoding = headers['content-encoding'];
        if (encoding !== undefined && encoding !== 'identity') {
          fail(new ConnectionBrokenError('partial', 'the answer is compressed, which nobody asked for'));
          return controller?.abort(new Error('compressed'));
        }
        resolve(new Response(WITHOUT_BODY.includes(status) ? null : stream(), { status, headers: pairs(headers) }));
      },
      onResponseData(_, chunk) {
        if (over || body === undefined) return;
        body.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
        if ((body.desiredSize ?? 0) <= 0) controller?.pause();
      },
      onResponseEnd() {
        if (over) return;
        finish();
        body?.close();
      },
      onResponseError(_, error) {
        fail(deliberate(error) ?? broken(progress, error));
      },
    });
  });
}

function pairs(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one): [string, string] => [name, one]),
  );
}

function broken(progress: Progress, cause: Error): ConnectionBrokenError {
  return new ConnectionBrokenError(progress, cause.message, { cause });
}

/** The deliberate error behind `error`, if there is one. */
function deliberate(error: unknown): VitrineError | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth++) {
    if (cause instanceof VitrineError) return cause;
  }
  return undefined;
}
