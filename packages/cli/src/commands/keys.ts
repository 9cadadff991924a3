/**
 * `vitrine keys`: what keys a server has and under which policies, and what a policy decides of a request.
 *
 * @module
 */
import { onlineEndorsements } from '@vitrine/client/online-endorsements';
import { proxyFromEnvironment } from '@vitrine/client/proxy-environment';
import { type KeyStatement, nearest, parseStrictJson, UsageError } from '@vitrine/documents';
import { type AttestationResult, exitCodeOf } from '@vitrine/verifier';
import { type Arguments, parseArguments } from '../command.ts';
import { findConfiguration } from '../configuration.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { isUrl, readPolicy, readText } from '../inputs.ts';
import { verifyLive } from '../live-look.ts';
import { policyLines } from '../policy-lines.ts';
import { keysSpec } from '../specs/keys.ts';
import { clean, type Terminal, terminalOf, wrap } from '../terminal.ts';
import { parseTime } from '../time-flag.ts';
import { SIMULATOR_HINT } from '../transcript.ts';

const ACTIONS = ['ls', 'explain'] as const;

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
    process.stdout.write(
      `${JSON.stringify({ type: 'vitrine/keys/v1', url, verdict, decidedBy, keys, appRoot, policies: policiesOf(manifest) })}\n`,
    );
  } else process.stdout.write(keysText(url, result, terminalOf(process.stdout)));
  if (verdict === 'simulated' && !allowSimulated) process.stderr.write(SIMULATOR_HINT);
  return exitCodeOf(result, { allowSimulated });
}

type BoundManifest = NonNullable<AttestationResult['claims']>['manifest'];

function policiesOf(manifest: BoundManifest): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(manifest?.keys ?? {}).map(([name, { policy }]) => [name, policy]));
}

const VERDICTS = {
  verified: 'verified',
  rejected: 'not verified',
  undetermined: 'undetermined',
  simulated: 'simulated',
} as const;

function keysText(url: string, { verdict, decidedBy, claims, checks }: AttestationResult, terminal: Terminal): string {
  const line = (text: string, indent: string): string => `${indent}${wrap(clean(text), terminal.width, `${indent}  `)}`;
  const decided = checks.find(({ id }) => id === decidedBy);
  const head = [clean(url), ''];
  const foot = [
    '',
    terminal.style(
      'bold',
      `${VERDICTS[verdict]}${decided === undefined ? '' : `: ${clean(decided.message)} (${decided.id})`}`,
    ),
    '',
  ];
  if (claims?.manifest === undefined) {
    return [
      ...head,
      line('Nothing is shown: no evidence stands behind what this server says of its keys.', ''),
      ...foot,
    ].join('\n');
  }
  const { keys = [], appRoot, manifest } = claims;
  const statements = keys.flatMap((key) => [
    terminal.style('bold', clean(`${key.name} version ${key.version}`)) + clean(`  ${key.algorithm}, ${key.state}`),
    ...describe(key).map((text) => line(text, '  ')),
    ...(key.state === 'retired' ? [] : policyLines(policyOf(manifest, key.name)).map((text) => line(text, '  '))),
    '',
  ]);
  return [
    ...head,
    ...(keys.length === 0 ? ['No keys.', ''] : statements),
    ...(appRoot === undefined
      ? ['Nothing here is derived from a root that outlives this boot.']
      : [
          line(`Root  ${appRoot.id}`, ''),
          ...appRoot.sources.flatMap(({ kind, boundTo, derivableBy, survivesUpgrade, sharedByReplicas }) => [
            line(`wrapped by: ${kind}, bound to ${boundTo}`, '  '),
            line(`who else can derive it: ${derivableBy.length === 0 ? 'nobody' : derivableBy.join('; ')}`, '  '),
            line(
              `${survivesUpgrade ? 'survives' : 'does not survive'} an upgrade, ${sharedByReplicas ? 'shared by replicas' : 'not shared by replicas'}`,
              '  ',
            ),
          ]),
          line(`copies: ${appRoot.copies}`, '  '),
        ]),
    ...foot,
  ].join('\n');
}

function describe({ address, publicKey, origin, exportable, scope, path, previous }: KeyStatement): readonly string[] {
  return [
    ...(address === undefined ? [] : [`address ${address}`]),
    ...(publicKey === undefined ? [] : [`public key ${publicKey}`]),
    `${origin}${path === undefined ? '' : ` at ${path}`}, ${exportable ? 'exists outside of the enclave too' : 'never leaves'}, ${
      scope === 'service' ? 'the same after a restart' : 'of this boot'
    }`,
    ...(previous === undefined ? [] : [`the version before it: ${previous}`]),
  ];
}

function policyOf(manifest: NonNullable<BoundManifest>, name: string): Parameters<typeof policyLines>[0] {
  return manifest.keys?.[name]?.policy ?? { rules: [] };
}

async function explain(file: string, values: Values): Promise<number> {
  const read = await findConfiguration(values.config);
  if (read === undefined) {
    throw new UsageError('config.missing', 'there is no vitrine.yaml here; name one with --config FILE');
  }
  const { explainRequest } = await import('@vitrine/keys');
  const explanation = explainRequest({
    keys: read.configuration.keys ?? {},
    request: readRequest(file),
    asker: { principal: values.principal ?? 'anybody', tools: values.tool ?? [] },
    isolated: read.configuration.isolation !== 'shared',
    now: values.at === undefined ? new Date() : parseTime(values.at),
  });
  const { decision, rules, reason, effects } = explanation;
  if (values.json === true)
    process.stdout.write(`${JSON.stringify({ type: 'vitrine/key-decision/v1', ...explanation })}\n`);
  else {
    const { width } = terminalOf(process.stdout);
    const lines = [
      ...effects.map((one) => `  ${one}`),
      `${decision}: ${reason}`,
      ...(rules.length === 0 ? [] : [`  by ${rules.join(', ')}`]),
    ];
    process.stdout.write(`${lines.map((one) => wrap(clean(one), width, '    ')).join('\n')}\n`);
  }
  return decision === 'deny' ? EXIT.notVerified : EXIT.done;
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
