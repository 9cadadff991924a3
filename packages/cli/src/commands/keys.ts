/**
 * `vitrine keys`: what keys a server has and under which policies, and what a policy decides of a request.
 *
 * @module
 */
import { onlineEndorsements } from '@vitrine/client/online-endorsements';
import { proxyFromEnvironment } from '@vitrine/client/proxy-environment';
import { type KeySpec, nearest, parseStrictJson, UsageError } from '@vitrine/documents';
import { type AttestationResult, exitCodeOf } from '@vitrine/verifier';
import { refuseFlags } from '../action-flags.ts';
import { type Arguments, parseArguments } from '../command.ts';
import { findConfiguration } from '../configuration.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { isUrl, readPolicy, readText } from '../inputs.ts';
import { decisionText, keysText } from '../keys-text.ts';
import { verifyLive } from '../live-look.ts';
import { keysSpec } from '../specs/keys.ts';
import { TRUST_OPTIONS } from '../specs/trust-options.ts';
import { terminalOf } from '../terminal.ts';
import { parseTime } from '../time-flag.ts';
import { SIMULATOR_HINT } from '../transcript.ts';

const ACTIONS = ['ls', 'explain'] as const;
const OF_LS: readonly string[] = Object.keys(TRUST_OPTIONS);
const OF_EXPLAIN: readonly string[] = ['config', 'tool', 'principal', 'at'];

type Values = Arguments<typeof keysSpec.options>['values'];

export async function runKeys(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, keysSpec.options);
  const [action, subject, extra] = positionals;
  if (rest !== undefined || extra !== undefined) {
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(extra ?? '--')}`);
  }
  if (action !== 'ls' && action !== 'explain') throw unknownAction(action);
  if (subject === undefined) {
    throw new UsageError('usage.missing', action === 'ls' ? 'expected the URL of a server' : 'expected a request file');
  }
  if (action === 'ls') refuseFlags(values, OF_EXPLAIN, 'vitrine keys explain');
  else refuseFlags(values, OF_LS, 'vitrine keys ls');
  return action === 'ls' ? list(subject, values) : explain(subject, values);
}

function unknownAction(action: string | undefined): UsageError {
  const near = action === undefined ? undefined : nearest(action, ACTIONS);
  const found = action === undefined ? '' : `, found ${JSON.stringify(action)}`;
  return new UsageError(
    'usage.action',
    `expected ls or explain${found}${near === undefined ? '' : `; did you mean "${near}"?`}`,
  );
}

async function list(url: string, values: Values): Promise<number> {
  if (!isUrl(url)) throw new UsageError('usage.url', `expected the URL of a server, found ${JSON.stringify(url)}`);
  const policy = readPolicy(values.policy, values.preset);
  const fetcher =
    values.offline === true ? undefined : onlineEndorsements(userHome(), proxyFromEnvironment(process.env));
  const { result, allowSimulated } = await verifyLive(url, policy, values, fetcher);
  const { verdict, decidedBy, claims } = result;
  if (values.json === true) {
    const { keys = [], appRoot = null, manifest } = claims ?? {};
    const bound = { keys, policies: policiesOf(manifest), credentials: manifest?.credentials ?? {}, appRoot };
    process.stdout.write(`${JSON.stringify({ type: 'vitrine/keys/v1', url, verdict, decidedBy, ...bound })}\n`);
  } else process.stdout.write(keysText(url, result, terminalOf(process.stdout)));
  if (verdict === 'simulated' && !allowSimulated) process.stderr.write(SIMULATOR_HINT);
  return exitCodeOf(result, { allowSimulated });
}

type BoundManifest = NonNullable<AttestationResult['claims']>['manifest'];

function policiesOf(manifest: BoundManifest): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(manifest?.keys ?? {}).map(([name, { policy }]) => [name, policy]));
}

async function explain(file: string, values: Values): Promise<number> {
  const read = await findConfiguration(values.config);
  if (read === undefined) {
    throw new UsageError('config.missing', 'there is no vitrine.yaml here; name one with --config FILE');
  }
  const { keys = {}, isolation, anchor } = read.configuration;
  const request = readRequest(file);
  const { explainRequest } = await import('@vitrine/keys');
  const explanation = explainRequest({
    keys,
    request,
    asker: { principal: values.principal ?? 'anybody', tools: values.tool ?? [] },
    isolated: isolation !== 'shared',
    anchored: anchor !== undefined,
    now: values.at === undefined ? new Date() : parseTime(values.at),
  });
  const { decision } = explanation;
  const shown = { ...explanation, limits: decision === 'deny' ? [] : limitsOf(keys, request) };
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ type: 'vitrine/key-decision/v1', ...shown })}\n`
      : decisionText(shown, terminalOf(process.stdout)),
  );
  return decision === 'deny' ? EXIT.notVerified : EXIT.done;
}

/** Of the key that the request is about; which of them it would be charged to is for the service to say. */
function limitsOf(keys: Readonly<Record<string, KeySpec>>, request: unknown): readonly string[] {
  const { params } = request as { readonly params?: { readonly key?: unknown } };
  const key = typeof params?.key === 'string' && Object.hasOwn(keys, params.key) ? keys[params.key] : undefined;
  return (key?.policy.limits ?? []).map(({ id }) => id);
}

function readRequest(file: string): unknown {
  try {
    return parseStrictJson(readText(file));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(
      'request.json',
      `${file} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
