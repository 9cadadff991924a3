/**
 * What a policy decides of a request, without a service and without keys: for people who write policies.
 *
 * What was spent before is known to the running service alone, so limits are not judged here.
 *
 * @module
 */
import {
  type KeySpec,
  nearest,
  object,
  type Shape,
  showPath,
  text,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import { RefusedRequestError } from './intent.ts';
import { keyMethods } from './keyd/method-parameters.ts';
import { isKeyMethod, prepareRequest, type SigningRing } from './keyd/prepare-request.ts';
import { RequestError } from './keyd/request-error.ts';
import { evaluate } from './policy/evaluate.ts';
import { explainDecision } from './policy/explain.ts';
import { loadPolicy } from './policy/load.ts';
import type { Explanation } from './wire.ts';

export interface ExplainRequest {
  readonly keys: Readonly<Record<string, KeySpec>>;
  /** `{ method, params }`, as a server would send it. */
  readonly request: unknown;
  readonly asker: { readonly principal: string; readonly tools: readonly string[] };
  /** Whether each caller has a server of its own. */
  readonly isolated: boolean;
  /** Whether there is a freshness anchor. Absent: not. */
  readonly anchored?: boolean;
  readonly now: Date;
}

const anything: Shape<unknown> = { schema: true, parse: (value) => ({ ok: true, value }) };
const requestShape = object({ method: text('a method, such as evm.signTransaction'), params: anything });

const use = (): never => {
  throw new VitrineError('keys.explained', 'an explanation uses no key');
};
const NO_RING: SigningRing = {
  signSecp256k1: use,
  signEd25519: use,
  signP256: use,
  mac: use,
  encrypt: use,
  decrypt: use,
};

/**
 * Decides, and signs nothing.
 *
 * @throws UsageError for policies that do not load, and for a request of another form.
 */
export function explainRequest({ keys, request, asker, isolated, anchored = false, now }: ExplainRequest): Explanation {
  const policies = new Map(
    Object.entries(keys).map(([name, spec]) => [name, loadPolicy(name, spec, { isolated, anchored })] as const),
  );
  const { method, params } = readRequest(request);
  if (!isKeyMethod(method)) {
    const near = nearest(method, Object.keys(keyMethods));
    const hint = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
    throw new UsageError(
      'request.method',
      `${JSON.stringify(method)} uses no key, so no policy decides about it${hint}`,
    );
  }
  const specOf = (name: string): KeySpec => {
    const spec = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (spec !== undefined) return spec;
    const known = Object.keys(keys).join(', ') || 'none';
    throw new UsageError('request.key', `the configuration has no key ${JSON.stringify(name)}; it has: ${known}`);
  };
  try {
    const prepared = prepareRequest(method, params, { ring: NO_RING, specOf, signsFor: () => true, now: () => now });
    const policy = policies.get(prepared.key);
    if (policy === undefined) throw new VitrineError('keys.no-policy', `the key ${prepared.key} has no policy`);
    const decision = evaluate(policy, prepared.intent, { instance: 'none', isolated, ...asker }, now);
    return explainDecision(decision, prepared.intent);
  } catch (error) {
    if (error instanceof RequestError) throw new UsageError('request.parameters', `${method}: ${error.message}`);
    if (!(error instanceof RefusedRequestError)) throw error;
    return { decision: 'deny', rules: [], reason: `${error.message} (${error.code})`, effects: [] };
  }
}

function readRequest(value: unknown): { readonly method: string; readonly params: unknown } {
  const parsed = requestShape.parse(value);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  const place = showPath(issue?.path ?? []);
  throw new UsageError('request.shape', `the request: ${place}${place && ' '}${issue?.message ?? 'malformed'}`);
}
