/**
 * What `vitrine keys` shows to people: the keys of a server with their policies, and a decision.
 *
 * @module
 */
import { type CredentialSpec, describeCopies, describeUpgrade, type KeyStatement } from '@vitrine/documents';
import type { AttestationResult } from '@vitrine/verifier';
import { policyLines } from './policy-lines.ts';
import { clean, type Terminal, wrap } from './terminal.ts';

type Claims = NonNullable<AttestationResult['claims']>;
type BoundManifest = NonNullable<Claims['manifest']>;

const VERDICTS = {
  verified: 'verified',
  rejected: 'not verified',
  undetermined: 'undetermined',
  simulated: 'simulated',
} as const;

/** The keys of a server, where evidence stands behind them, and the verdict. */
export function keysText(
  url: string,
  { verdict, decidedBy, claims, checks }: AttestationResult,
  terminal: Terminal,
): string {
  const decided = checks.find(({ id }) => id === decidedBy);
  const foot = `${VERDICTS[verdict]}${decided === undefined ? '' : `: ${clean(decided.message)} (${decided.id})`}`;
  const body =
    claims?.manifest === undefined
      ? [wrap('Nothing is shown: no evidence stands behind what this server says of its keys.', terminal.width, '  ')]
      : bodyOf(claims, claims.manifest, terminal);
  return [clean(url), '', ...body, '', terminal.style('bold', wrap(foot, terminal.width, '  ')), ''].join('\n');
}

function bodyOf({ keys = [], appRoot }: Claims, manifest: BoundManifest, terminal: Terminal): readonly string[] {
  const indented = (text: string): string => `  ${wrap(clean(text), terminal.width, '    ')}`;
  const section = (title: string, more: string, lines: readonly string[]): readonly string[] => [
    `${terminal.style('bold', clean(title))}${clean(more)}`,
    ...lines.map(indented),
    '',
  ];
  const rulesOf = ({ name, state }: KeyStatement): readonly string[] =>
    state === 'retired'
      ? []
      : policyLines(manifest.keys?.[name]?.policy ?? { rules: [] }, manifest.anchor !== undefined);
  const root =
    appRoot === undefined
      ? ['Nothing here is derived from a root that outlives this boot.']
      : section('Root', `  ${appRoot.id}`, rootLines(appRoot, manifest)).slice(0, -1);
  return [
    ...(keys.length === 0 ? ['No keys.', ''] : []),
    ...keys.flatMap((key) =>
      section(`${key.name} version ${key.version}`, `  ${key.algorithm}, ${key.state}`, [
        ...describeKey(key),
        ...rulesOf(key),
      ]),
    ),
    ...Object.entries(manifest.credentials ?? {}).flatMap(([name, spec]) =>
      section(`credential ${name}`, `  header ${spec.header}`, credentialLines(spec)),
    ),
    ...root,
  ];
}

function describeKey({
  address,
  publicKey,
  origin,
  exportable,
  scope,
  path,
  previous,
}: KeyStatement): readonly string[] {
  return [
    ...(address === undefined ? [] : [`address ${address}`]),
    ...(publicKey === undefined ? [] : [`public key ${publicKey}`]),
    `${origin}${path === undefined ? '' : ` at ${path}`}, ${exportable ? 'exists outside of the enclave too' : 'never leaves'}, ${
      scope === 'service' ? 'the same after a restart' : 'of this boot'
    }`,
    ...(previous === undefined ? [] : [`the version before it: ${previous}`]),
  ];
}

function credentialLines({ owner, allow }: CredentialSpec): readonly string[] {
  return [
    `handed in by the owner of ${owner}`,
    ...allow.map(({ host, port, methods, paths }) => `${methods.join(', ')} of ${paths.join(', ')} at ${host}:${port}`),
  ];
}

function rootLines(appRoot: NonNullable<Claims['appRoot']>, { upgrade }: BoundManifest): readonly string[] {
  return [
    ...appRoot.sources.flatMap(({ kind, boundTo, derivableBy, survivesUpgrade, sharedByReplicas }) => [
      `wrapped by: ${kind}, bound to ${boundTo}`,
      `who else can derive it: ${derivableBy.length === 0 ? 'nobody' : derivableBy.join('; ')}`,
      `${survivesUpgrade ? 'survives' : 'does not survive'} an upgrade, ${sharedByReplicas ? 'shared by replicas' : 'not shared by replicas'}`,
    ]),
    `copies: ${describeCopies(appRoot)}`,
    `who can change code and policies: ${describeUpgrade(upgrade)}`,
  ];
}

export interface ShownDecision {
  readonly decision: string;
  readonly rules: readonly string[];
  readonly reason: string;
  readonly effects: readonly string[];
  /** Limits that would have to have room, by id. */
  readonly limits: readonly string[];
}

/** A decision, below what the request does. */
export function decisionText({ decision, rules, reason, effects, limits }: ShownDecision, terminal: Terminal): string {
  const line = (text: string, indent: string): string => `${indent}${wrap(clean(text), terminal.width, `${indent}  `)}`;
  const unnamed = rules.filter((rule) => !reason.includes(rule));
  return [
    ...(effects.length === 0 ? [] : [...effects.map((effect) => line(effect, '  ')), '']),
    terminal.style('bold', line(`${decision}: ${reason}`, '')),
    ...(unnamed.length === 0 ? [] : [line(`by ${unnamed.join(', ')}`, '  ')]),
    ...(limits.length === 0 ? [] : [line(`if these limits have room: ${limits.join(', ')}`, '  ')]),
    '',
  ].join('\n');
}
