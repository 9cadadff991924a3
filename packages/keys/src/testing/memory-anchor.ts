/**
 * A freshness anchor in memory, which fails as a test says.
 *
 * @module
 */
import type { AnchoredHead, FreshnessAnchor, WitnessedTime } from '@vitrine/attester';
import { VitrineError } from '@vitrine/documents';

/** `lost`: it moves, and the answer does not arrive. `down`: it does not move. */
export type AnchorFault = 'ok' | 'lost' | 'down';

export interface AnchorMemory {
  head: AnchoredHead | undefined;
  /** What happens to the next questions, in turn; then nothing does. */
  faults: AnchorFault[];
  /** While set, nothing is answered. */
  isDown: boolean;
  time: WitnessedTime | undefined;
  /** How often it has moved. */
  moves: number;
  /** Called before each move, once it is certain. */
  beforeMove: () => Promise<void>;
  open(): FreshnessAnchor;
}

export function anchorMemory({ counts = false }: { readonly counts?: boolean } = {}): AnchorMemory {
  const unavailable = (): VitrineError => new VitrineError('anchor.unavailable', 'the anchor does not answer');
  const memory: AnchorMemory = {
    head: undefined,
    faults: [],
    isDown: false,
    time: undefined,
    moves: 0,
    beforeMove: async () => undefined,
    open: () => ({
      description: { kind: 'test', rolledBackBy: ['the test'] },
      remembersDigests: !counts,
      time: () => memory.time,
      read: async () => {
        const fault = memory.isDown ? 'down' : (memory.faults.shift() ?? 'ok');
        if (fault !== 'ok') throw unavailable();
        return memory.head && (counts ? { sequence: memory.head.sequence, digest: '' } : memory.head);
      },
      advance: async (from, to) => {
        const fault = memory.isDown ? 'down' : (memory.faults.shift() ?? 'ok');
        if (fault === 'down') throw unavailable();
        const isThere = counts
          ? memory.head?.sequence === from?.sequence
          : memory.head?.sequence === from?.sequence && memory.head?.digest === from?.digest;
        if (!isThere) throw new VitrineError('anchor.conflict', 'the anchor is elsewhere');
        await memory.beforeMove();
        memory.head = to;
        memory.moves++;
        if (fault === 'lost') throw unavailable();
      },
      close: async () => undefined,
    }),
  };
  return memory;
}
