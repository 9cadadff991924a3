/**
 * The closed lists of words that logs and metrics may contain. Anything that a caller or the hosted
 * server chose is turned into one of them, or is not mentioned.
 *
 * @module
 */

export const ERAS = ['2025-11-25', '2026-07-28', 'unknown'] as const;
export type EraWord = (typeof ERAS)[number];

/** Methods by what they have in common; never a method's own name, which may be made up. */
export const METHOD_CLASSES = [
  'open',
  'tools-list',
  'tools-call',
  'resources',
  'prompts',
  'completion',
  'listen',
  'notification',
  'answer',
  'other',
] as const;
export type MethodClass = (typeof METHOD_CLASSES)[number];

export const AUTH_REFUSALS = [
  'missing_token',
  'invalid_request',
  'invalid_token',
  'insufficient_scope',
  'unavailable',
] as const;
export type AuthWord = (typeof AUTH_REFUSALS)[number];

export const RATE_KEYS = ['address', 'principal'] as const;
export type RateKey = (typeof RATE_KEYS)[number];

/** Why a server process ended, without its own words. */
export const SERVER_ENDS = ['exit', 'signal', 'misconduct', 'memory', 'not-started'] as const;
export type ServerEnd = (typeof SERVER_ENDS)[number];

export const STATES = ['starting', 'ready', 'draining', 'stopped'] as const;
export type StateWord = (typeof STATES)[number];

const BY_METHOD: ReadonlyMap<string, MethodClass> = new Map([
  ['initialize', 'open'],
  ['server/discover', 'open'],
  ['ping', 'open'],
  ['tools/list', 'tools-list'],
  ['tools/call', 'tools-call'],
  ['completion/complete', 'completion'],
  ['subscriptions/listen', 'listen'],
]);

/** The class of a JSON-RPC message from a client; for a batch, of its first message. */
export function methodClassOf(body: unknown): MethodClass {
  const message: unknown = Array.isArray(body) ? body[0] : body;
  if (typeof message !== 'object' || message === null) return 'other';
  if (!('method' in message)) return 'result' in message || 'error' in message ? 'answer' : 'other';
  const { method } = message;
  if (typeof method !== 'string') return 'other';
  if (method.startsWith('notifications/')) return 'notification';
  if (method.startsWith('resources/')) return 'resources';
  if (method.startsWith('prompts/')) return 'prompts';
  return BY_METHOD.get(method) ?? 'other';
}

/** What kind of end the reason of a server's exit is. */
export function serverEndOf(reason: string): ServerEnd {
  if (reason.startsWith('exited with code')) return 'exit';
  if (reason.startsWith('was ended by ')) return 'signal';
  if (reason.includes('more memory than it may')) return 'memory';
  if (reason.startsWith('was ended because')) return 'misconduct';
  return 'not-started';
}
