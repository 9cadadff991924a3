/**
 * Asks the user about one request.
 *
 * @module
 */
import type { Intent } from '../intent.ts';
import { describeIntent } from '../policy/describe.ts';
import type { PublicKey } from '../wire.ts';
import type { Gateway } from './contract.ts';
import { denied } from './request-error.ts';

/** How long a person has. */
export const CONFIRM_MS: number = 5 * 60_000;
/** What is longer is read by nobody, and a question that is cut hides something. */
const MAX_QUESTION = 16_384;

export interface ConfirmInputs {
  readonly gateway: Gateway | undefined;
  readonly instance: string;
  readonly intent: Intent;
  readonly key: PublicKey;
  /** The rule that demands it. */
  readonly rule: string;
  /** Aborted when the server has gone. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Everything that the request does, with amounts and destinations. */
export function questionFor(intent: Intent, key: PublicKey, rule: string): string {
  const who = key.address === undefined ? key.algorithm : key.address;
  return [
    `The server wants to use the key "${key.name}" (${who}). This request:`,
    ...describeIntent(intent, Number.POSITIVE_INFINITY).map((line) => `- ${line}`),
    `The rule "${rule}" wants your consent. Do you agree, this once?`,
  ].join('\n');
}

/**
 * Resolves when the user has agreed.
 *
 * @throws RequestError `policy.declined`, or `policy.not-confirmed` where nobody could be asked or answered in time.
 */
export async function confirmRequest(inputs: ConfirmInputs): Promise<void> {
  const { gateway, instance, intent, key, rule, signal, timeoutMs } = inputs;
  const question = questionFor(intent, key, rule);
  if (question.length > MAX_QUESTION) {
    throw denied(
      'policy.not-confirmed',
      `the rule ${rule} wants a confirmation, and this is too long for a person to read`,
      rule,
    );
  }
  const over = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const ended = new Promise<'unavailable'>((resolve) => {
    if (over.aborted) resolve('unavailable');
    over.addEventListener('abort', () => resolve('unavailable'), { once: true });
  });
  const asked = gateway?.confirm(instance, question, over).catch(() => 'unavailable' as const);
  const said = asked === undefined ? 'unavailable' : await Promise.race([asked, ended]);
  if (said === 'accepted') return;
  if (said === 'declined')
    throw denied('policy.declined', `the user declined; the rule ${rule} wants a confirmation`, rule);
  throw denied(
    'policy.not-confirmed',
    `the rule ${rule} wants a confirmation, and the user could not be asked or did not answer in time; ask in the course of a call, of a client that can elicit`,
    rule,
  );
}
