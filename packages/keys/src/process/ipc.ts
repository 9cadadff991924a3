/**
 * Calls in both directions over the channel that Node puts between a process and its child.
 *
 * What arrives is checked for form only; the meaning of arguments and answers is for handlers and callers
 * to check. The channel is private to the two processes: it has no name that a third could open.
 *
 * @module
 */
import { UsageError, VitrineError } from '@vitrine/documents';

/** What `ChildProcess` and `process` have in common. */
export interface IpcEnd {
  send?(message: object, handle: undefined, options: undefined, callback: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown, handle: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
}

/** Answers a call. `signal` is aborted when the caller no longer waits. */
export type IpcHandler = (argument: unknown, handle: unknown, signal: AbortSignal) => unknown;

export interface IpcCalls {
  /** @throws VitrineError as the other side threw it, or `keys.service-ended`. */
  call(method: string, argument: unknown, handle?: unknown, signal?: AbortSignal): Promise<unknown>;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What a failure may say: errors that are not ours can carry anything in their text. */
interface Failure {
  readonly isUsage: boolean;
  readonly code: string;
  readonly message: string;
}

/** Begins to answer calls of the other side, and gives a way to call it. */
export function openIpc(end: IpcEnd, handlers: Readonly<Record<string, IpcHandler>>): IpcCalls {
  const waiting = new Map<number, Waiting>();
  const running = new Map<number, AbortController>();
  let last = 0;
  let isOpen = true;

  const send = (message: object, handle?: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      if (!isOpen || end.send === undefined) throw ended();
      end.send(message, handle as undefined, undefined, (error) => (error === null ? resolve() : reject(ended())));
    });

  async function answer(id: number, method: string, argument: unknown, handle: unknown): Promise<void> {
    const controller = new AbortController();
    running.set(id, controller);
    let reply: object;
    try {
      const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
      if (handler === undefined) throw new VitrineError('keys.protocol', `there is no call ${JSON.stringify(method)}`);
      reply = { kind: 'answer', id, value: await handler(argument, handle, controller.signal) };
    } catch (error) {
      reply = { kind: 'failure', id, failure: failureOf(error) };
    }
    running.delete(id);
    // Where the other side has gone, nobody waits for the answer.
    await send(reply).catch(() => undefined);
  }

  end.on('message', (message, handle) => {
    if (!isRecord(message) || typeof message['id'] !== 'number') return;
    const { id, kind } = message;
    if (kind === 'call') void answer(id, String(message['method']), message['argument'], handle);
    if (kind === 'cancel') running.get(id)?.abort();
    if (kind !== 'answer' && kind !== 'failure') return;
    const one = waiting.get(id);
    waiting.delete(id);
    if (kind === 'answer') one?.resolve(message['value']);
    else one?.reject(errorOf(message['failure']));
  });
  end.on('disconnect', () => {
    isOpen = false;
    for (const one of waiting.values()) one.reject(ended());
    waiting.clear();
    for (const one of running.values()) one.abort();
  });

  return {
    call(method, argument, handle, signal) {
      const id = ++last;
      const cancel = (): void => void send({ kind: 'cancel', id }).catch(() => undefined);
      const answered = new Promise<unknown>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ kind: 'call', id, method, argument }, handle).catch((error: Error) => {
          waiting.delete(id);
          reject(error);
        });
        if (signal?.aborted === true) cancel();
        signal?.addEventListener('abort', cancel, { once: true });
      });
      return answered.finally(() => signal?.removeEventListener('abort', cancel));
    },
  };
}

function failureOf(error: unknown): Failure {
  if (error instanceof VitrineError) {
    return { isUsage: error instanceof UsageError, code: error.code, message: error.message };
  }
  const { code } = error as { readonly code?: unknown };
  const what = typeof code === 'string' && /^[A-Z_0-9]{1,40}$/.test(code) ? ` (${code})` : '';
  return { isUsage: false, code: 'keys.internal', message: `the key service could not do that${what}` };
}

function errorOf(value: unknown): Error {
  if (!isRecord(value)) return new VitrineError('keys.protocol', 'the key service gave a malformed failure');
  const code = String(value['code']);
  const message = String(value['message']);
  return value['isUsage'] === true ? new UsageError(code, message) : new VitrineError(code, message);
}

function ended(): Error {
  return new VitrineError('keys.service-ended', 'the key service has ended');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
