/**
 * The decision about a request: whether the policy of the key allows it, what it demands besides, and what
 * counts against its limits.
 *
 * Nothing is allowed by default. Any deny rule that concerns the request decides. Else there must be an
 * allow rule that covers the whole of it, and what all such rules demand applies together, so the order of
 * rules means nothing. Limits are not looked at here but in the ledger, which alone knows what was spent.
 *
 * It does no I/O, keeps nothing, and takes bounded time for any policy that loads and any request.
 *
 * @module
 */
import type { Asker, Intent } from '../intent.ts';
import { type Charge, chargesOf } from './charges.ts';
import type { ApprovalDemand, LoadedAllowRule, LoadedPolicy } from './loaded-policy.ts';
import { type Miss, totalsOver } from './match-effect.ts';
import { deniedBy, missOfRule } from './match-rule.ts';
import { type Request, readRequest } from './request.ts';

export type Decision =
  | {
      readonly outcome: 'deny';
      /** Ids of the deny rules that concern it; empty where nothing allows it. */
      readonly rules: readonly string[];
      /** One sentence that names the rule and the condition that decided, or came closest. */
      readonly reason: string;
    }
  | {
      readonly outcome: 'allow';
      /** Ids of all allow rules that cover it. */
      readonly rules: readonly string[];
      /** Whether the user is to be asked. */
      readonly confirm: boolean;
      /** Each of these is needed; one signature may serve several. */
      readonly approvals: readonly ApprovalDemand[];
      /** Each must have room, all at once. */
      readonly charges: readonly Charge[];
      readonly reason: string;
    };

/**
 * Decides about `intent`.
 *
 * @param asker - Who asks, as the gateway says it.
 * @param now - For hours of rules alone; limits run on another clock.
 */
export function evaluate(policy: LoadedPolicy, intent: Intent, asker: Asker, now: Date): Decision {
  const request = readRequest(intent);
  if (typeof request === 'string') return deny([], `the request cannot be judged: ${request}`);

  const denying = policy.denyRules.filter((rule) => deniedBy(rule, request, asker)).map(({ id }) => id);
  if (denying.length > 0) return deny(denying, `denied by ${denying.join(', ')}`);

  const totals = totalsOver(request.deeds);
  const covering: LoadedAllowRule[] = [];
  let nearest: { readonly rule: string; readonly miss: Miss } | undefined;
  for (const rule of policy.allowRules) {
    const miss = missOfRule(rule, request, totals, asker, now);
    if (miss === undefined) covering.push(rule);
    else if (nearest === undefined || miss.progress > nearest.miss.progress) nearest = { rule: rule.id, miss };
  }
  if (covering.length === 0) {
    if (nearest === undefined || nearest.miss.progress === 0) return deny([], `no rule allows ${intent.action}`);
    return deny([], `no rule allows it; closest is ${nearest.rule}: ${nearest.miss.why()}`);
  }
  if (policy.copies === 'strict') {
    return deny(
      covering.map(({ id }) => id),
      'copies: strict needs a freshness anchor, and there is none; write copies: per-live-copy if each running copy may use the limits up',
    );
  }
  return allow(policy, request, covering);
}

function deny(rules: readonly string[], reason: string): Decision {
  return { outcome: 'deny', rules, reason };
}

function allow(policy: LoadedPolicy, request: Request, covering: readonly LoadedAllowRule[]): Decision {
  const rules = covering.map(({ id }) => id);
  const approvals = new Map<string, ApprovalDemand>();
  for (const { approval } of covering) {
    if (approval !== undefined) approvals.set(JSON.stringify([approval.threshold, approval.of]), approval);
  }
  return {
    outcome: 'allow',
    rules,
    confirm: covering.some(({ confirm }) => confirm),
    approvals: [...approvals.values()],
    charges: chargesOf(policy, request),
    reason: `allowed by ${rules.join(', ')}`,
  };
}
