/**
 * Sessions that a giver has opened: each good for one request and for a short time, and few at once.
 *
 * @module
 */
import { toBase64Url } from '@vitrine/documents';
import { busy, refuse } from './refusal.ts';

/** Both challenges of a session, base64url of 32 bytes. */
interface Session {
  /** The giver's own. */
  readonly nonce: string;
  /** The receiver's. */
  readonly peerNonce: string;
}

interface Sessions {
  /** @throws VitrineError `busy` where too many are open. */
  open(peerNonce: string): { readonly session: string; readonly nonce: string };
  /** Ends the session and gives its challenges. @throws UsageError `handover.fresh` for one that is not open. */
  take(session: string): Session;
}

interface SessionsOptions {
  readonly monotonic: () => number;
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
}

/** A receiver needs one quote in between. */
export const SESSION_MS = 60_000;
export const MAX_SESSIONS = 64;

export function createSessions({ monotonic, randomBytes }: SessionsOptions): Sessions {
  // In the order of their ends, since all last equally long.
  const open = new Map<string, Session & { readonly endsAt: number }>();
  const forgetEnded = (): void => {
    const time = monotonic();
    for (const [id, { endsAt }] of open) {
      if (endsAt > time) return;
      open.delete(id);
    }
  };
  const draw = (): string => toBase64Url(randomBytes(32));
  return {
    open: (peerNonce) => {
      forgetEnded();
      if (open.size >= MAX_SESSIONS) throw busy(`${open.size} hand-overs have begun`);
      const session = draw();
      const nonce = draw();
      open.set(session, { nonce, peerNonce, endsAt: monotonic() + SESSION_MS });
      return { session, nonce };
    },
    take: (session) => {
      forgetEnded();
      const found = open.get(session);
      if (found === undefined) {
        throw refuse('handover.fresh', 'there is no such session: it has ended, or was used; begin again');
      }
      open.delete(session);
      return found;
    },
  };
}
