/**
 * What is wrong with the state of the key service, as against the anchor that remembers how far it has got.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/**
 * - `keys.state-moved`: the anchor was moved by somebody else, so this state is not the newest. It stays so.
 * - `keys.anchor-unavailable`: the anchor cannot be asked now. Nothing is lost, and the same request may succeed later.
 */
export type StateErrorCode = 'keys.state-moved' | 'keys.anchor-unavailable';

export class StateError extends VitrineError {
  override readonly name: string = 'StateError';

  constructor(code: StateErrorCode, message: string, cause?: unknown) {
    super(code, message, cause === undefined ? undefined : { cause });
  }
}

export function movedElsewhere(cause?: unknown): StateError {
  return new StateError(
    'keys.state-moved',
    'the state of the key service is not the newest: another live copy of it, or an older copy that was started, has moved the freshness anchor. This one signs and stores nothing any more; end it, and let one copy run, on the newest state',
    cause,
  );
}

export function anchorUnavailable(cause?: unknown): StateError {
  const why = cause instanceof VitrineError ? ` (${cause.message})` : '';
  return new StateError(
    'keys.anchor-unavailable',
    `the freshness anchor did not confirm the change${why}, so nothing left the key service; ask again`,
    cause,
  );
}
