/**
 * A place for one attested connection: it carries one exchange at a time, is opened when needed, and
 * is replaced when it has lived for its time.
 *
 * @module
 */
import type { Socket } from 'node:net';
import type { buildConnector, Client, Dispatcher } from 'undici';

/** `listen`: open until somebody ends it. `request`: may take long. `short`: answered at once. */
export type Lane = 'listen' | 'request' | 'short';

/** Makes a connection. */
export type Connect = buildConnector.connector;

export interface SlotOptions {
  /** Makes an HTTP client over one connection at a time. */
  readonly client: (connect: Connect) => Client;
  readonly connect: Connect;
  readonly lifetimeMs: number;
  /** Whether a connection is ended at the end of its lifetime even while it is used. */
  readonly cut: boolean;
  /** Called when an exchange is over. */
  readonly freed: () => void;
}

export interface Slot {
  /** What it is used for now; `undefined` when it is free. */
  readonly carries: Lane | undefined;
  /** Whether a connection is open. */
  connected(): boolean;
  /** Starts an exchange; only while free. */
  dispatch(lane: Lane, options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  destroy(): Promise<void>;
}

export function openSlot({ client: newClient, connect, lifetimeMs, cut, freed }: SlotOptions): Slot {
  let socket: Socket | undefined;
  let expired = false;
  let carries: Lane | undefined;

  const client = newClient((target, callback) =>
    connect(target, (...outcome) => {
      if (outcome[0] === null) keep(outcome[1]);
      callback(...outcome);
    }),
  );

  function keep(made: Socket): void {
    socket = made;
    expired = false;
    const end = setTimeout(() => {
      expired = true;
      if (carries === undefined || cut) made.destroy();
    }, lifetimeMs).unref();
    made.once('close', () => {
      clearTimeout(end);
      if (socket === made) socket = undefined;
    });
  }

  function release(): void {
    if (carries === undefined) return;
    carries = undefined;
    if (expired) socket?.destroy();
    freed();
  }

  return {
    get carries() {
      return carries;
    },
    connected: () => socket !== undefined && !expired,
    dispatch(lane, options, handler) {
      carries = lane;
      client.dispatch(options, {
        onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
        onResponseStart: (controller, status, headers, message) =>
          handler.onResponseStart?.(controller, status, headers, message),
        onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
        onResponseEnd(controller, trailers) {
          handler.onResponseEnd?.(controller, trailers);
          // The client is still busy with this exchange; it is free in the next turn.
          queueMicrotask(release);
        },
        onResponseError(controller, error) {
          handler.onResponseError?.(controller, error);
          queueMicrotask(release);
        },
      });
    },
    destroy: () => client.destroy(),
  };
}
