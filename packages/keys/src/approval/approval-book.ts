/**
 * Which approval documents are out, so that each is good for one request, once.
 *
 * Kept in memory alone: a nonce is of this boot, so after a restart no earlier approval holds. The order of
 * use is {@link ApprovalBook.check}, then the signatures, then {@link ApprovalBook.consume} before anything
 * is signed. What was consumed stays so, whether the signing succeeds or not.
 *
 * @module
 */
import { toBase64Url, VitrineError } from '@vitrine/documents';
import { type ApprovalSubject, approvalDocument } from './approval-document.ts';

export interface ApprovalBook {
  /**
   * A document for `subject` with a fresh nonce; while one for the same subject is out and has most of its
   * time left, that one.
   *
   * @param holder - Who asks; nobody can take all the room there is.
   * @throws VitrineError with code `approval.busy` while as many are out as the limits say.
   */
  issue(subject: ApprovalSubject, holder: string): string;
  /** Why `document` does not stand for `subject` now; `undefined` if it does. */
  check(document: string, subject: ApprovalSubject): string | undefined;
  /** Uses the document up. True exactly once, and only in time. */
  consume(document: string): boolean;
}

export interface ApprovalBookOptions {
  /** For the expiry that people see. */
  readonly now: () => Date;
  /** Milliseconds on a clock that is never set. */
  readonly monotonic: () => number;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** How many documents may be out. */
  readonly limit: number;
  /** And of these, how many of one holder. */
  readonly limitEach: number;
}

/** Time for people to sign. */
export const APPROVAL_LIFETIME_MS: number = 10 * 60_000;
const NONCE_BYTES = 32;

interface Pending {
  /** The subject, with no nonce and no expiry. */
  readonly subject: string;
  readonly holder: string;
  /** On the monotonic clock. */
  readonly until: number;
}

/** An empty book. */
export function createApprovalBook(options: ApprovalBookOptions): ApprovalBook {
  /** By document. */
  const pending = new Map<string, Pending>();
  const find = (document: string): Pending | undefined => {
    const found = pending.get(document);
    return found !== undefined && options.monotonic() < found.until ? found : undefined;
  };
  return {
    issue: (subject, holder) => {
      const at = options.monotonic();
      for (const [document, { until }] of pending) if (at >= until) pending.delete(document);
      const wanted = nameOf(subject);
      let own = 0;
      for (const [document, one] of pending) {
        if (one.subject === wanted && one.until - at > APPROVAL_LIFETIME_MS / 2) return document;
        if (one.holder === holder) own++;
      }
      if (own >= options.limitEach || pending.size >= options.limit) {
        throw new VitrineError(
          'approval.busy',
          `${own >= options.limitEach ? own : pending.size} requests wait for approval already; wait until some are approved or have expired`,
        );
      }
      const document = approvalDocument({
        ...subject,
        nonce: toBase64Url(options.randomBytes(NONCE_BYTES)),
        expires: Math.floor((options.now().getTime() + APPROVAL_LIFETIME_MS) / 1000),
      });
      pending.set(document, { subject: wanted, holder, until: at + APPROVAL_LIFETIME_MS });
      return document;
    },
    check: (document, subject) => {
      const found = find(document);
      if (found === undefined) return 'the approval document is unknown, expired, or was used before; ask for another';
      return found.subject === nameOf(subject) ? undefined : 'the approval document was made for another request';
    },
    consume: (document) => {
      const good = find(document) !== undefined;
      pending.delete(document);
      return good;
    },
  };
}

/** Equal exactly for equal subjects. */
function nameOf(subject: ApprovalSubject): string {
  return approvalDocument({ ...subject, nonce: '', expires: 0 });
}
