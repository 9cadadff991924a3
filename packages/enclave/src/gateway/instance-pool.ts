/**
 * The server processes of clients of the 2026-07-28 era: for each principal and set of client
 * capabilities, because a server may answer differently by capability; at most so many at a time.
 *
 * One process serves all requests of one such set, with one exception. A 2025-11-25 server that may ask
 * its client does not say to which call a question belongs. So a call in which it may ask has a process
 * without another such call, from its start until its final result, waiting for the client's answers
 * included. It gets the oldest process that is free for it, so that calls one after the other meet the same one; else a further
 * process while there are places; else it waits for its turn. Where one server is shared by everybody there is no further
 * process: such calls take turns. Everything else goes to the oldest process of the set.
 *
 * @module
 */
import type { ClientCapabilities, JSONRPCNotification } from '@modelcontextprotocol/server';
import { canonicalBytes } from '@vitrine/documents';
import type { Departure } from './endpoint.ts';
import { GatewayBusyError } from './failure.ts';
import type { Launcher, Started } from './launcher.ts';
import type { GatewayLimits } from './limits.ts';
import { createRelayedInstance, type ModernInstance } from './modern-instance.ts';
import { capabilitiesForLegacy, mayAsk } from './modern-translation.ts';
import { createTranslatedInstance } from './translated-instance.ts';

/** Who asks for a process, and for what. */
interface Demand {
  readonly principal: string;
  readonly capabilities: ClientCapabilities;
  readonly method: string;
  readonly departure: Departure;
}

/** A process for one request. */
export interface Taken {
  readonly instance: ModernInstance;
  /** Whether the server may ask the client, and so no other such call is served by it now. */
  readonly exclusive: boolean;
  /** The request needs the process no longer. Idempotent. */
  release(): void;
}

export interface InstancePool {
  /**
   * The process for a request, started if need be.
   *
   * @throws GatewayBusyError if every place is taken and too many wait already.
   * @throws ServerFailedError if a fresh one does not start.
   */
  take(demand: Demand): Promise<Taken>;
  /** Requests that are still running, without listen streams once those have been ended. */
  running(): number;
  endSubscriptions(): void;
  /** Stops what has been idle for too long. */
  sweep(now: number): void;
}

interface Place {
  readonly key: string;
  readonly starting: Promise<ModernInstance>;
  instance?: ModernInstance;
  /** A call in which the server may ask is being served. */
  isClaimed: boolean;
  /** Requests that have this place in hand, so that it is not retired before it is given them. */
  inHand: number;
  lastUsed: number;
}

/** What a place is for. */
interface Wanted {
  readonly key: string;
  readonly principal: string;
  readonly capabilities: ClientCapabilities;
}

interface Waiter {
  readonly wanted: Wanted;
  readonly resolve: (place: Place) => void;
}

/**
 * @param shared - Whether all clients with equal capabilities share one process and no more.
 * @param now - Monotonic milliseconds.
 */
export function createInstancePool(
  launcher: Launcher,
  limits: GatewayLimits,
  shared: boolean,
  now: () => number,
): InstancePool {
  /** In the order of their start. */
  const places = new Set<Place>();
  const queue = new Set<Waiter>();

  function family(key: string): Place[] {
    // A dead process is noticed by its exit, but a request must not be given to one that is dying.
    return [...places].filter((place) => place.key === key && place.instance?.peer.process.isAlive() !== false);
  }

  function isIdle(place: Place): boolean {
    return place.instance !== undefined && place.inHand === 0 && !place.instance.isBusy();
  }

  function retire(place: Place): void {
    places.delete(place);
    void place.instance?.peer.process.stop();
  }

  function makeRoom(): boolean {
    for (const place of places) if (place.instance?.peer.process.isAlive() === false) retire(place);
    if (places.size < limits.instances) return true;
    const [oldest] = [...places].filter(isIdle).sort((a, b) => a.lastUsed - b.lastUsed);
    if (oldest === undefined) return false;
    retire(oldest);
    return true;
  }

  /** Starts a process, if there is a place for it. */
  function open({ key, principal, capabilities }: Wanted): Place | undefined {
    if (!makeRoom()) return undefined;
    const onChange = (change: JSONRPCNotification): void => {
      for (const one of family(key)) one.instance?.publish?.(change);
    };
    const instanceOf = (started: Started): ModernInstance =>
      started.era === 'modern'
        ? createRelayedInstance(started.peer, limits)
        : createTranslatedInstance(started, capabilities, limits, onChange);
    const starting = launcher.ready(principal, capabilities).then(instanceOf);
    const place: Place = { key, starting, isClaimed: false, inHand: 0, lastUsed: now() };
    places.add(place);
    starting.then(
      (instance) => {
        place.instance = instance;
        instance.peer.onExit(() => {
          retire(place);
          serveQueue();
        });
      },
      () => {
        retire(place);
        serveQueue();
      },
    );
    return place;
  }

  /** A process without another call in which the server may ask. */
  function claim(wanted: Wanted): Place | undefined {
    const known = family(wanted.key);
    const free = known.find((place) => !place.isClaimed);
    const place = free ?? (shared && known.length > 0 ? undefined : open(wanted));
    if (place !== undefined) place.isClaimed = true;
    return place;
  }

  function serveQueue(): void {
    for (const waiter of queue) {
      const place = claim(waiter.wanted);
      if (place === undefined) continue;
      queue.delete(waiter);
      place.inHand += 1;
      waiter.resolve(place);
    }
  }

  async function turn(wanted: Wanted, departure: Departure): Promise<Place> {
    if (queue.size >= limits.queuedCalls) {
      throw new GatewayBusyError(`${limits.queuedCalls} calls already wait for a server process; try again later`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Place>();
    const waiter: Waiter = { wanted, resolve };
    const onLeave = (): void => {
      if (queue.delete(waiter)) reject(new GatewayBusyError('the client left before its turn'));
    };
    queue.add(waiter);
    const forget = departure.onLeave(onLeave);
    try {
      return await promise;
    } finally {
      forget();
    }
  }

  async function handOut(place: Place, exclusive: boolean): Promise<Taken> {
    let isReleased = false;
    function release(): void {
      if (isReleased) return;
      isReleased = true;
      place.inHand -= 1;
      if (exclusive) place.isClaimed = false;
      place.lastUsed = now();
      serveQueue();
    }
    place.lastUsed = now();
    try {
      return { instance: await place.starting, exclusive, release };
    } catch (failure) {
      release();
      throw failure;
    }
  }

  return {
    async take({ principal, capabilities: declared, method, departure }) {
      const era = await launcher.era;
      const capabilities = era === 'legacy' ? capabilitiesForLegacy(declared) : declared;
      const key = Buffer.from(canonicalBytes([principal, capabilities])).toString();
      const wanted: Wanted = { key, principal, capabilities };
      if (era === 'legacy' && mayAsk(method, capabilities)) {
        // Whatever becomes free is offered to the queue first, so nobody is overtaken here.
        const place = claim(wanted);
        if (place === undefined) return handOut(await turn(wanted, departure), true);
        place.inHand += 1;
        return handOut(place, true);
      }
      const place = family(key)[0] ?? open(wanted);
      if (place === undefined) {
        throw new GatewayBusyError(`all ${limits.instances} server instances are in use; try again later`);
      }
      place.inHand += 1;
      return handOut(place, false);
    },
    running() {
      let sum = 0;
      for (const place of places) sum += place.instance?.peer.running() ?? 0;
      return sum;
    },
    endSubscriptions() {
      for (const place of places) place.instance?.endSubscriptions();
    },
    sweep(time) {
      for (const place of places) {
        if (isIdle(place) && time - place.lastUsed > limits.instanceIdleMs) retire(place);
      }
    },
  };
}
