/**
 * The rules of a freshness service, without its transport: it remembers how far a state has got, and moves only from
 * exactly there, for whoever has the key that was the first to ask.
 *
 * @module
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalBytes, parseStrictJson } from '@vitrine/documents';

export interface Remembered {
  /** Ed25519, hexadecimal: of the state. */
  readonly key: string;
  readonly head: Head;
}

interface Head {
  readonly sequence: number;
  readonly digest: string;
}

export interface Memory {
  get(store: string): Promise<Remembered | undefined>;
  /** Durable when it resolves. */
  set(store: string, remembered: Remembered): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface AnchorServiceOptions {
  readonly memory: Memory;
  /** Ed25519. */
  readonly privateKey: KeyObject;
  readonly now: () => Date;
}

const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const MAX_QUESTION_BYTES = 8192;

/** The public key as manifests name it. */
export function serviceKey(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
}

/** What answers `POST /v1/read` and `POST /v1/advance`; one question after the other. */
export function anchorService(options: AnchorServiceOptions): (path: string, body: string) => Promise<Answer> {
  const { memory, privateKey, now } = options;
  const own = serviceKey(privateKey);
  let last: Promise<unknown> = Promise.resolve();

  const answer = async (path: string, body: string): Promise<Answer> => {
    const asked = body.length <= MAX_QUESTION_BYTES ? readQuestion(body) : undefined;
    if (asked === undefined) return refusal(400, 'the question is malformed');
    const { question, key, signature } = asked;
    if (!isSigned(question, key, signature)) return refusal(403, 'the question is not signed by its key');
    if (question.service !== own) return refusal(403, 'the question is for another service');
    const { store, nonce, move } = question;
    if ((path === '/v1/advance') !== (move !== undefined)) return refusal(400, 'the question is at another path');
    const before = await memory.get(store);
    if (before !== undefined && before.key !== key) return refusal(403, 'the state is that of another key');
    const moves =
      move !== undefined && isSame(move.from, before?.head) && move.to.sequence > (move.from?.sequence ?? -1);
    const head = moves ? move.to : before?.head;
    if (moves) await memory.set(store, { key, head: move.to });
    return { status: 200, body: signed({ store, nonce, moved: moves, ...(head === undefined ? {} : { head }) }) };
  };
  const signed = (rest: object): string => {
    const document = { type: 'vitrine/anchor-answer/v1', ...rest, time: now().getTime() };
    return JSON.stringify({
      answer: document,
      signature: sign(null, signedBytes(document), privateKey).toString('base64url'),
    });
  };
  return (path, body) => {
    const next = last.then(() => answer(path, body)).catch(() => refusal(500, 'the service has failed'));
    last = next;
    return next;
  };
}

function refusal(status: number, error: string): Answer {
  return { status, body: JSON.stringify({ error }) };
}

function isSame(left: Head | undefined, right: Head | undefined): boolean {
  return left?.sequence === right?.sequence && left?.digest === right?.digest;
}

function signedBytes(document: { readonly type: string }): Buffer {
  return Buffer.concat([Buffer.from(`${document.type}\0`), canonicalBytes(document)]);
}

function isSigned(question: { readonly type: string }, key: string, signature: string): boolean {
  const der = Buffer.concat([SPKI_PREFIX, Buffer.from(key, 'hex')]);
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
  return verify(null, signedBytes(question), publicKey, Buffer.from(signature, 'base64url'));
}

interface Question {
  readonly type: string;
  readonly service: string;
  readonly store: string;
  readonly nonce: string;
  readonly move?: Move;
}

interface Move {
  readonly from?: Head;
  readonly to: Head;
}

function readQuestion(
  body: string,
): { readonly question: Question; readonly key: string; readonly signature: string } | undefined {
  let value: unknown;
  try {
    value = parseStrictJson(body);
  } catch {
    return undefined;
  }
  if (!has(value, ['question', 'key', 'signature'])) return undefined;
  const { question, key, signature } = value;
  if (!isHex(key) || typeof signature !== 'string' || !/^[A-Za-z0-9_-]{86}$/.test(signature)) return undefined;
  if (!has(question, ['type', 'service', 'store', 'nonce', 'move'], ['move'])) return undefined;
  const { type, service, store, nonce, move } = question;
  if (type !== 'vitrine/anchor-question/v1' || !isHex(service) || !isHex(store)) return undefined;
  if (typeof nonce !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(nonce)) return undefined;
  if (move === undefined) return { question: { type, service, store, nonce }, key, signature };
  return isMove(move) ? { question: { type, service, store, nonce, move }, key, signature } : undefined;
}

function isMove(move: unknown): move is Move {
  return (
    has(move, ['from', 'to'], ['from']) && isHead(move['to']) && (move['from'] === undefined || isHead(move['from']))
  );
}

/** Whether it is an object of these members and no other; those of `absent` may be missing. */
function has(
  value: unknown,
  members: readonly string[],
  absent: readonly string[] = [],
): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const names = Object.keys(value);
  return (
    names.every((name) => members.includes(name)) &&
    members.every((name) => names.includes(name) || absent.includes(name))
  );
}

function isHex(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

function isHead(value: unknown): value is Head {
  return (
    has(value, ['sequence', 'digest']) &&
    Number.isSafeInteger(value['sequence']) &&
    Number(value['sequence']) >= 0 &&
    isHex(value['digest'])
  );
}
