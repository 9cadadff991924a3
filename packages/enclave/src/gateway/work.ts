/**
 * Which HTTP exchanges are open, so that a stopping gateway can wait for them.
 *
 * @module
 */

export interface Work {
  /** Notes one exchange; the returned function notes its end. */
  begin(): () => void;
  size(): number;
  /** Waits until `isSettled`, which is asked again whenever an exchange ends; gives up after `ms`. */
  settled(isSettled: () => boolean, ms: number): Promise<void>;
}

export function createWork(): Work {
  const open = new Set<symbol>();
  const waiters = new Set<() => void>();

  return {
    begin() {
      const one = Symbol('exchange');
      open.add(one);
      return () => {
        open.delete(one);
        for (const check of waiters) check();
      };
    },
    size: () => open.size,
    async settled(isSettled, ms) {
      if (isSettled()) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      const check = (): void => {
        if (isSettled()) resolve();
      };
      waiters.add(check);
      await promise;
      clearTimeout(timer);
      waiters.delete(check);
    },
  };
}
