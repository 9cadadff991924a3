/**
 * The server processes that clients of the 2026-07-28 era share: one for each set of client
 * capabilities, because a server may answer differently by capability; at most so many at a time.
 *
 * @module
 */
import type { ClientCapabilities } from '@modelcontextprotocol/server';
import { canonicalBytes } from '@vitrine/documents';
import { GatewayBusyError } from './failure.ts';
import type { Launcher } from './launcher.ts';
import type { GatewayLimits } from './limits.ts';
import { createModernInstance, type ModernInstance } from './modern-instance.ts';
import { capabilitiesForLegacy } from './modern-translation.ts';

export interface InstancePool {
  /**
   * The instance for clients with these capabilities, started if need be.
   *
   * @throws GatewayBusyError if every place is taken by an instance in use.
   * @throws ServerFailedError if a fresh one does not start.
   */
  acquire(capabilities: ClientCapabilities): Promise<ModernInstance>;
  /** Requests that are still running, without listen streams once those have been ended. */
  running(): number;
  endSubscriptions(): void;
  /** Stops what has been idle for too long. */
  sweep(now: number): void;
}

interface Place {
  readonly starting: Promise<ModernInstance>;
  instance?: ModernInstance;
  lastUsed: number;
}

/** @param now - Monotonic milliseconds. */
export function createInstancePool(launcher: Launcher, limits: GatewayLimits, now: () => number): InstancePool {
  const places = new Map<string, Place>();

  function isIdle(place: Place): boolean {
    return place.instance !== undefined && !place.instance.isBusy();
  }

  function retire(key: string, place: Place): void {
    if (places.get(key) === place) places.delete(key);
    void place.instance?.peer.process.stop();
  }

  function makeRoom(): void {
    if (places.size < limits.instances) return;
    const [oldest] = [...places].filter(([, place]) => isIdle(place)).sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    if (oldest === undefined) {
      throw new GatewayBusyError(`all ${limits.instances} server instances are in use; try again later`);
    }
    retire(...oldest);
  }

  function open(key: string, capabilities: ClientCapabilities): Place {
    makeRoom();
    const starting = launcher.ready(capabilities).then((started) => createModernInstance(started, limits));
    const place: Place = { starting, lastUsed: now() };
    places.set(key, place);
    starting.then(
      (instance) => {
        place.instance = instance;
        instance.peer.onExit(() => retire(key, place));
      },
      () => retire(key, place),
    );
    return place;
  }

  return {
    async acquire(declared) {
      const era = await launcher.era;
      const capabilities = era === 'legacy' ? capabilitiesForLegacy(declared) : declared;
      const key = new TextDecoder().decode(canonicalBytes(capabilities));
      const known = places.get(key);
      // A dead process is noticed by its exit, but a request must not be given to one that is dying.
      if (known?.instance?.peer.process.isAlive() === false) retire(key, known);
      const place = places.get(key) ?? open(key, capabilities);
      place.lastUsed = now();
      return place.starting;
    },
    running() {
      let sum = 0;
      for (const place of places.values()) sum += place.instance?.peer.running() ?? 0;
      return sum;
    },
    endSubscriptions() {
      for (const place of places.values()) place.instance?.endSubscriptions();
    },
    sweep(time) {
      for (const [key, place] of places) {
        if (isIdle(place) && time - place.lastUsed > limits.instanceIdleMs) retire(key, place);
      }
    },
  };
}
