/**
 * Whether a rule covers a request.
 *
 * @module
 */
import type { Asker } from '../intent.ts';
import { showHours, withinHours } from './hours.ts';
import type { EffectPattern, LoadedAllowRule, LoadedRule } from './loaded-policy.ts';
import { denies, type Miss, missOf, type Totals } from './match-effect.ts';
import { quoted } from './policy-error.ts';
import type { Deed, Request } from './request.ts';

/** Stages of a rule lie further apart than stages within an effect. */
const STAGE = 10;

/** Whether a deny rule concerns the request: one effect, one tool, one audience is enough. */
export function deniedBy(rule: LoadedRule, request: Request, asker: Asker): boolean {
  const { intent, chain } = request;
  if (rule.action !== intent.action) return false;
  // Where it is not known on whose behalf the server asks, it may be on behalf of those who may not.
  if (asker.isolated) {
    // Where no call is running it may be for one that has just ended, or the server would only have to wait.
    const isForOthers = asker.tools.length > 0 && !asker.tools.some((tool) => rule.tools?.has(tool));
    if (rule.tools !== undefined && isForOthers) return false;
    if (rule.principals !== undefined && !rule.principals.has(asker.principal)) return false;
  }
  if (rule.chains !== undefined && chain !== undefined && !rule.chains.has(chain)) return false;
  if (missOfContent(rule, request, 'some') !== undefined) return false;
  return (
    rule.effects === undefined || request.deeds.some((deed) => rule.effects?.some((pattern) => denies(pattern, deed)))
  );
}

/** Why an allow rule does not cover the whole of the request; `undefined` where it does. */
export function missOfRule(
  rule: LoadedAllowRule,
  request: Request,
  totals: Totals,
  asker: Asker,
  now: Date,
): Miss | undefined {
  const { intent, chain } = request;
  if (rule.action !== intent.action) return { progress: 0, why: () => `is about ${rule.action}` };
  const callers = missOfCallers(rule, asker);
  if (callers !== undefined) return callers;
  const { hours } = rule;
  if (hours !== undefined && !withinHours(hours, now)) {
    return miss(3, () => `holds at ${showHours(hours)} only`);
  }
  if (rule.chains !== undefined && (chain === undefined || !rule.chains.has(chain))) {
    return miss(4, () => `${chain} is not among its chains`);
  }
  const content = missOfContent(rule, request, 'every');
  if (content !== undefined) return miss(5, () => content);
  if (rule.effects !== undefined) {
    const effects = missOfEffects(rule.effects, request.deeds, totals);
    if (effects !== undefined) return { progress: 6 * STAGE + effects.progress, why: effects.why };
  }
  const { fee } = rule;
  if (fee !== undefined && fee !== 'any' && (request.fee === undefined || request.fee > fee)) {
    const unit = intent.action === 'solana.message' ? 'lamports' : 'wei';
    return miss(7, () => `a fee of up to ${request.fee} ${unit} is above fee.max ${fee}`);
  }
  return undefined;
}

function miss(stage: number, why: () => string): Miss {
  return { progress: stage * STAGE, why };
}

function missOfCallers({ tools, principals }: LoadedAllowRule, asker: Asker): Miss | undefined {
  if (tools === undefined && principals === undefined) return undefined;
  if (!asker.isolated) return miss(1, () => 'needs a server of its own for each caller');
  if (principals !== undefined && !principals.has(asker.principal)) {
    return miss(1, () => `${quoted(asker.principal)} is not among its principals`);
  }
  if (tools === undefined) return undefined;
  if (asker.tools.length === 0) return miss(2, () => 'is for tools, and none is running');
  const other = asker.tools.find((tool) => !tools.has(tool));
  return other === undefined ? undefined : miss(2, () => `${quoted(other)} is running and not among its tools`);
}

/** What is not an effect: contracts, types, texts, audiences, contexts. */
function missOfContent(rule: LoadedRule, { intent }: Request, audiences: 'some' | 'every'): string | undefined {
  switch (intent.action) {
    case 'evm.typed-data':
      if (rule.contracts !== undefined && !rule.contracts.has(intent.contract)) {
        return `${intent.contract} is not among its contracts`;
      }
      return rule.primaryTypes !== undefined && !rule.primaryTypes.has(intent.primaryType)
        ? `${quoted(intent.primaryType)} is not among its primaryTypes`
        : undefined;
    case 'evm.message':
      return rule.startsWith !== undefined && !rule.startsWith.some((prefix) => intent.text.startsWith(prefix))
        ? 'the message starts with none of startsWith'
        : undefined;
    case 'jws':
      return missOfToken(rule, intent, audiences);
    case 'sign':
    case 'encrypt':
    case 'decrypt':
    case 'mac':
      return rule.contexts !== undefined && !rule.contexts.has(intent.context)
        ? `${quoted(intent.context)} is not among its contexts`
        : undefined;
    default:
      return undefined;
  }
}

function missOfToken(
  { types, audiences, maxLifetime }: LoadedRule,
  intent: Extract<Request['intent'], { action: 'jws' }>,
  which: 'some' | 'every',
): string | undefined {
  if (types !== undefined && !types.has(intent.type)) return `typ ${quoted(intent.type)} is not among its types`;
  if (audiences !== undefined) {
    const within = (audience: string): boolean => audiences.has(audience);
    if (which === 'some')
      return intent.audiences.some(within) ? undefined : 'none of the audiences is among its audiences';
    if (intent.audiences.length === 0) return 'the token names no audience';
    const other = intent.audiences.find((audience) => !within(audience));
    if (other !== undefined) return `audience ${quoted(other)} is not among its audiences`;
  }
  return maxLifetime !== undefined && !(intent.lifetime > 0 && intent.lifetime <= maxLifetime)
    ? `a lifetime of ${intent.lifetime} seconds is not from 1 to maxLifetime ${maxLifetime}`
    : undefined;
}

/** Every deed matches a pattern, and there is one; without patterns there is none. */
function missOfEffects(patterns: readonly EffectPattern[], deeds: readonly Deed[], totals: Totals): Miss | undefined {
  if (patterns.length === 0) {
    return deeds.length === 0 ? undefined : { progress: 0, why: () => 'has no effects, but the request moves value' };
  }
  if (deeds.length === 0) {
    return { progress: 0, why: () => 'has effects, but of the request none is known' };
  }
  for (const deed of deeds) {
    let nearest: Miss | undefined;
    let matched = false;
    for (const pattern of patterns) {
      const found = missOf(pattern, deed, totals);
      if (found === undefined) {
        matched = true;
        break;
      }
      if (nearest === undefined || found.progress > nearest.progress) nearest = found;
    }
    if (!matched) return nearest;
  }
  return undefined;
}
