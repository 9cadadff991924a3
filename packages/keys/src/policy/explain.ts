/**
 * A decision in the words of the protocol: what `explain` answers.
 *
 * @module
 */
import type { Intent } from '../intent.ts';
import type { Explanation } from '../wire.ts';
import { describeIntent } from './describe.ts';
import type { Decision } from './evaluate.ts';

/**
 * Explains a decision. What a limit says is not in it: ask the ledger, and give its answer as a denial.
 *
 * @param approvalDocument - What approvers have to sign, canonical JSON; goes into the explanation where
 *   the decision demands approvals.
 */
export function explainDecision(decision: Decision, intent: Intent, approvalDocument?: string): Explanation {
  const common = { rules: decision.rules, effects: describeIntent(intent) };
  if (decision.outcome === 'deny') return { decision: 'deny', reason: decision.reason, ...common };
  const demands = decision.approvals.map(
    ({ threshold, of }) => `${threshold} of ${of.length === 1 ? of[0] : `{${of.join(', ')}}`} must approve`,
  );
  if (decision.confirm) demands.push('the user must confirm');
  const reason = [decision.reason, ...demands].join('; ');
  if (decision.approvals.length > 0) {
    const approval = approvalDocument === undefined ? {} : { approval: approvalDocument };
    return { decision: 'approve', reason, ...common, ...approval };
  }
  return { decision: decision.confirm ? 'confirm' : 'allow', reason, ...common };
}
