/**
 * What happens to a request that uses a key, in this order: decode, look whether keys may do that here at
 * all, evaluate, approvals, confirmation, evaluate again, reserve, sign, settle, answer.
 *
 * After the last wait for somebody else, deciding, reserving and signing are one step in which nothing else
 * runs; and the answer leaves only when the reservation is durable. Whatever fails, nothing has left.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { KeySpec, Manifest } from '@vitrine/documents';
import { VitrineError } from '@vitrine/documents';
import type { ApprovalBook } from '../approval/approval-book.ts';
import type { ApprovalSubject } from '../approval/approval-document.ts';
import { verifyApprovals } from '../approval/verify-approvals.ts';
import { isMainNetwork } from '../evm/chains.ts';
import { type Asker, type Intent, RefusedRequestError } from '../intent.ts';
import { type Decision, evaluate } from '../policy/evaluate.ts';
import { explainDecision } from '../policy/explain.ts';
import type { LoadedPolicy } from '../policy/loaded-policy.ts';
import type { KeyRing } from '../ring/key-ring.ts';
import type { Instance } from '../service.ts';
import type { Reservation, SpendLedger } from '../spend/ledger.ts';
import { type Explanation, KEY_ERROR, type PublicKey } from '../wire.ts';
import { confirmRequest } from './confirm-request.ts';
import type { Gateway } from './contract.ts';
import type { KeyMethod } from './method-parameters.ts';
import { type PreparedRequest, prepareRequest } from './prepare-request.ts';
import { denied, RequestError } from './request-error.ts';

export interface SignerOptions {
  readonly keys: Manifest['keys'] | undefined;
  readonly policies: ReadonlyMap<string, LoadedPolicy>;
  readonly ring: KeyRing;
  readonly ledger: SpendLedger;
  readonly approvals: ApprovalBook;
  readonly manifestDigest: string;
  /** Main networks are refused. */
  readonly isSimulated: boolean;
  readonly gateway: () => Gateway | undefined;
  readonly now: () => Date;
  /** How long a user has to answer. */
  readonly confirmMs: number;
}

export interface Signer {
  /** Does what was asked; gives the method's result. @throws RequestError and RefusedRequestError */
  use(method: KeyMethod, params: unknown, instance: Instance, signal: AbortSignal): Promise<unknown>;
  /** Says what would be decided. Nothing is signed and nothing is charged. */
  explain(method: KeyMethod, params: unknown, instance: Instance): Promise<Explanation>;
}

type Allowed = Extract<Decision, { readonly outcome: 'allow' }>;

export function createSigner(options: SignerOptions): Signer {
  const { keys = {}, policies, ring, ledger, approvals, now } = options;
  const toolKeys = new Set([...policies].filter(([, policy]) => asksForTools(policy)).map(([name]) => name));

  const specOf = (name: string): KeySpec => {
    const spec = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (spec !== undefined) return spec;
    throw new RefusedRequestError('keys.unknown-key', `the manifest names no key ${JSON.stringify(name)}`);
  };
  const policyOf = (name: string): LoadedPolicy => {
    const policy = policies.get(name);
    if (policy !== undefined) return policy;
    throw new VitrineError('keys.no-policy', `the key ${name} has no policy that was loaded`);
  };
  const publicKeyOf = (name: string): PublicKey => {
    const found = ring.publicKeys().find((key) => key.name === name);
    return found ?? { name, algorithm: specOf(name).algorithm, version: specOf(name).version };
  };
  const signsFor = (key: string, signers: readonly string[]): boolean => {
    const own = ring.address(key);
    return own !== undefined && signers.includes(own);
  };
  const prepare = (method: KeyMethod, params: unknown): PreparedRequest => {
    const request = prepareRequest(method, params, { ring, specOf, now, signsFor });
    if (options.isSimulated) refuseMainNetwork(request.intent);
    return request;
  };
  const askerOf = async (key: string, { id, principal, isolated }: Instance): Promise<Asker> => {
    // The gateway is asked only where the answer can matter.
    const tools = toolKeys.has(key) ? ((await options.gateway()?.runningTools(id)) ?? []) : [];
    return { instance: id, principal, isolated, tools };
  };
  const subjectOf = ({ key, intent }: PreparedRequest): ApprovalSubject => {
    const { publicKey } = publicKeyOf(key);
    return {
      key,
      keyVersion: specOf(key).version,
      ...(publicKey === undefined ? {} : { publicKey }),
      action: intent.action,
      bytes: intent.bytes,
      manifest: options.manifestDigest,
    };
  };

  const decide = (request: PreparedRequest, asker: Asker): Allowed => {
    const decision = evaluate(policyOf(request.key), request.intent, asker, now());
    if (decision.outcome === 'allow') return decision;
    throw denied('policy.denied', decision.reason, decision.rules[0]);
  };
  /** The document that was approved, where the decision demands approvals. */
  const approvedDocument = (request: PreparedRequest, decision: Allowed, asker: Asker): string | undefined => {
    if (decision.approvals.length === 0) return undefined;
    const rule = ruleWith(policyOf(request.key), decision, (one) => one.approval !== undefined);
    const [first] = request.approvals;
    if (first === undefined) {
      throw new RequestError(
        KEY_ERROR.approvalNeeded,
        'policy.approval-needed',
        `the rule ${rule} wants approvals; have the document in data.approval signed, and ask again`,
        { rule, approval: approvals.issue(subjectOf(request), asker.principal) },
      );
    }
    const expected = first.document;
    const problem = approvals.check(expected, subjectOf(request));
    if (problem !== undefined) throw denied('policy.approval', problem, rule);
    const time = Math.floor(now().getTime() / 1000);
    const { approvers } = policyOf(request.key);
    for (const demand of decision.approvals) {
      const verdict = verifyApprovals({ approvers, demand, approvals: request.approvals, expected, now: time });
      if (!verdict.ok) throw denied('policy.approval', verdict.why, rule);
    }
    return expected;
  };
  const demandRoom = (key: string, decision: Allowed, asker: Asker): void => {
    const room = ledger.room(key, decision.charges, asker);
    if (!room.ok) throw denied('policy.limit', room.reason, room.limit);
  };

  /** Asks the user. What is left after that is one step. */
  async function consult(
    request: PreparedRequest,
    decision: Allowed,
    asker: Asker,
    instance: Instance,
    signal: AbortSignal,
  ): Promise<Asker> {
    approvedDocument(request, decision, asker);
    demandRoom(request.key, decision, asker);
    await confirmRequest({
      gateway: options.gateway(),
      instance: instance.id,
      intent: request.intent,
      key: publicKeyOf(request.key),
      rule: ruleWith(policyOf(request.key), decision, (rule) => rule.confirm),
      signal,
      timeoutMs: options.confirmMs,
    });
    // Calls may have ended while the user was thinking.
    return askerOf(request.key, instance);
  }

  /** One step: neither the decision nor a limit can change in it. */
  function reserve(request: PreparedRequest, decision: Allowed, asker: Asker): Reservation {
    const document = approvedDocument(request, decision, asker);
    const reserved = ledger.reserve(request.key, decision.charges, asker, digestOf(request.intent));
    if (!reserved.ok) throw denied('policy.limit', reserved.reason, reserved.limit);
    if (document === undefined || approvals.consume(document)) return reserved.reservation;
    ledger.release(reserved.reservation);
    throw denied('policy.approval', 'the approval was used by another request; ask for another', decision.rules[0]);
  }

  return {
    async use(method, params, instance, signal) {
      const request = prepare(method, params);
      const first = await askerOf(request.key, instance);
      const decision = decide(request, first);
      let reservation: Reservation;
      if (decision.confirm) {
        const asker = await consult(request, decision, first, instance, signal);
        if (signal.aborted) throw new RequestError(KEY_ERROR.unavailable, 'keys.gone', 'the server has gone');
        reservation = reserve(request, decide(request, asker), asker);
      } else {
        reservation = reserve(request, decision, first);
      }
      let result: unknown;
      try {
        result = request.finish();
        if (result instanceof Promise) result = await result;
      } catch (error) {
        ledger.release(reservation);
        throw error;
      }
      await ledger.settle(reservation);
      return result;
    },
    async explain(method, params, instance) {
      const request = prepare(method, params);
      const asker = await askerOf(request.key, instance);
      const { intent } = request;
      const decision = evaluate(policyOf(request.key), intent, asker, now());
      if (decision.outcome === 'deny') return explainDecision(decision, intent);
      const room = ledger.room(request.key, decision.charges, asker);
      if (!room.ok) return explainDecision({ outcome: 'deny', rules: [room.limit], reason: room.reason }, intent);
      const document =
        decision.approvals.length === 0 ? undefined : approvals.issue(subjectOf(request), asker.principal);
      return explainDecision(decision, intent, document);
    },
  };
}

/** Names what is asked; an action has no zero byte. */
function digestOf({ action, bytes }: Intent): Uint8Array {
  return createHash('sha256').update(`${action}\0`).update(bytes).digest();
}

function asksForTools({ allowRules, denyRules, limits }: LoadedPolicy): boolean {
  return (
    [...allowRules, ...denyRules].some(({ tools }) => tools !== undefined) || limits.some(({ per }) => per === 'tool')
  );
}

function ruleWith(
  policy: LoadedPolicy,
  decision: Allowed,
  demands: (rule: LoadedPolicy['allowRules'][number]) => boolean,
): string {
  const found = policy.allowRules.find((rule) => decision.rules.includes(rule.id) && demands(rule));
  return found?.id ?? decision.rules[0] ?? '';
}

/** A simulator protects nothing, so nothing of value may come to its keys. */
function refuseMainNetwork(intent: Intent): void {
  if (intent.action !== 'evm.transaction' && intent.action !== 'evm.typed-data') return;
  if (!isMainNetwork(intent.chain)) return;
  throw new RefusedRequestError(
    'keys.simulated',
    `${intent.chain} is a main network, and the keys of a simulator are protected by nothing; use a test network`,
  );
}
