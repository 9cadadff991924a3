/**
 * Remembers, connection by connection, how far the keys and data of a pinned server have got, and refuses one that
 * is behind.
 *
 * What counts is what was known before the server was asked: evidence of two connections that are opened at once
 * may be judged in either order.
 *
 * @module
 */
import { stat } from 'node:fs/promises';
import { UsageError } from '@vitrine/documents';
import type { AttestationResult } from '@vitrine/verifier';
import { readState, recordState } from '../pins/pins-store.ts';
import { furtherState, requireNotBehind, type SealedState } from '../pins/sealed-state.ts';
import type { Trust } from './trust.ts';

export interface StateWitness {
  /** What is known now, by any process of this user. Asked before the server is. */
  seen(): Promise<SealedState | undefined>;
  /**
   * Takes what verified evidence says.
   *
   * @param before - From {@link seen}, before the server was asked.
   * @throws RefusedError (check `pin.state-older`).
   */
  take(before: SealedState | undefined, result: AttestationResult): Promise<void>;
}

/**
 * What watches one server; nothing where it is not pinned, or has nothing that lasts.
 *
 * @param report - Told when something could not be remembered; the connection goes on, since it is not behind.
 */
export function stateWitness(
  { remembered: pin, url }: Trust,
  file: string | undefined,
  report: (line: string) => void = () => {},
): StateWitness | undefined {
  if (file === undefined || pin?.mode !== 'exact' || pin.appRoot === undefined) return undefined;
  let known = pin.state;
  let read: string | undefined;
  return {
    async seen() {
      const version = await versionOf(file);
      if (version !== read) {
        known = furtherState(known, await readState(file, url, pin));
        read = version;
      }
      return known;
    },
    async take(before, { claims }) {
      // Reference values in the pin's place may admit a server with another root, of which nothing is known.
      if (claims?.appRoot?.id !== pin.appRoot) return;
      const found = claims?.state;
      requireNotBehind(before, found);
      // The same step twice is the same, whenever it was asked for.
      if (found !== undefined && known?.sequence === found.sequence) requireNotBehind(known, found);
      const further = furtherState(known, found);
      if (found === undefined || further === known) return;
      known = further;
      try {
        await recordState(file, url, pin, found);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        report(`how far the keys and data of ${url} have got is not remembered: ${error.message}`);
      }
    },
  };
}

/** Changes whenever the file does, since it is always replaced as a whole. */
async function versionOf(file: string): Promise<string> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  return found === undefined ? 'none' : `${found.ino} ${found.mtimeNs} ${found.size}`;
}
