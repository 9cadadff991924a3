/**
 * One place into which `vitrine add` can write: a client's configuration, whoever knows its form.
 *
 * @module
 */
import type { BridgeEntry, EntryPlan } from '@vitrine/client';

export interface Target {
  readonly id: string;
  /** As people call the client. */
  readonly title: string;
  /** What to do after writing, as a sentence without its full stop. */
  readonly afterwards: string;
  /** Reads the file and plans the edit; nothing is written. */
  plan(name: string, entry: BridgeEntry): Promise<EntryPlan>;
  /** Plans to remove the entry, which must be about `url`. */
  planRemoval(name: string, url: string): Promise<EntryPlan>;
  /** The entry as this client wants it, for people who edit the file themselves. */
  print(name: string, entry: BridgeEntry): Promise<string>;
}
