/**
 * What a verdict does not prove. Each sentence belongs to a fact of this very result, so the list
 * gets shorter only when the proof gets better.
 *
 * @module
 */
import type { UpgradePolicy } from '@vitrine/documents/evidence';
import type { AppraisalPolicy } from './policy.ts';
import type { Check, Claims } from './result.ts';
import type { Root } from './verdict.ts';

export interface LimitFacts {
  readonly root: Root;
  readonly scope: 'live' | 'recorded' | 'hardware';
  readonly policy: AppraisalPolicy;
  readonly checks: readonly Check[];
  readonly claims: Claims | undefined;
}

/** The limits of a result, most important first. */
export function limitsOf({ root, scope, policy, checks, claims }: LimitFacts): readonly string[] {
  const limits: string[] = [];
  const simulated = root === 'simulator' || root === 'simulator-not-allowed';
  if (simulated)
    limits.push(
      claims?.technology === 'tpm'
        ? 'A TPM measures what was started, and protects no memory: whoever runs the machine can read and change everything. Nobody but you vouches for its key.'
        : 'This is a simulator: no hardware protects anything, and its operator can read and change everything.',
    );
  if (scope === 'hardware')
    limits.push('The policy waives the workload: nothing is said about code, configuration or keys.');
  if (scope === 'recorded')
    limits.push(
      'Judged from a file: it is not bound to any connection of yours, and the machine may have changed since.',
    );
  if (claims?.manifest?.server.source.kind === 'command')
    limits.push('The code of the server is not measured: the manifest names only its command line.');
  limits.push(...surroundings(claims));
  if (policy.provenance === 'any')
    limits.push('Nothing ties the measured code to a source repository or to whoever built it.');
  if (claims !== undefined && !simulated && acceptsAnyMachine(policy, claims.technology))
    limits.push('Any machine of this vendor is accepted: a broken machine elsewhere could answer in its place.');
  const waived = checks.filter((check) => check.status === 'waived').map((check) => check.id);
  if (waived.length > 0) limits.push(`Not demanded here: ${waived.join(', ')}.`);
  if (!simulated)
    limits.push('Physical attacks on the memory bus (such as TEE.fail or Battering RAM) leave no trace in evidence.');
  limits.push('Evidence says which code runs, not that this code is free of faults or ill will.');
  limits.push('The operator can see sizes and timing of traffic, and can stop the service.');
  return limits;
}

/** What the sandbox and the manifest leave open. */
function surroundings(claims: Claims | undefined): readonly string[] {
  const { manifest, sandbox } = claims ?? {};
  if (manifest === undefined || sandbox === undefined) return [];
  const limits: string[] = [];
  if (sandbox.process === 'none')
    limits.push(
      'The server runs without a sandbox of its own beside the enclave, and what it sends out is not restricted.',
    );
  else if (manifest.egress !== undefined)
    limits.push('The server can send anything to the hosts that its manifest names.');
  if (sandbox.process === 'bwrap' && !sandbox.seccomp) limits.push('The system calls of the server are not filtered.');
  if (manifest.isolation === 'shared')
    limits.push('All callers share one server process: it can show the data of one to another.');
  if (sandbox.volume === 'directory')
    limits.push('What the server writes to files is in the clear for whoever runs the machine.');
  if (sandbox.volume === 'encrypted')
    limits.push(
      'The server’s files are encrypted, but whoever runs the machine sees how many there are, their sizes and times, and can put back older ones.',
    );
  limits.push(...keyLimits(claims));
  if (manifest.catalogue?.kind !== 'pinned')
    limits.push('The tools that the server offers are not bound by this evidence: they can change while it runs.');
  return limits;
}

/** What keys and their policies leave open. */
function keyLimits(claims: Claims | undefined): readonly string[] {
  const { keys = [], manifest, appRoot } = claims ?? {};
  const limits: string[] = [];
  const others = [...new Set((appRoot?.sources ?? []).flatMap(({ derivableBy }) => derivableBy))];
  if (others.length > 0) limits.push(`What the keys are derived from can also be had by: ${others.join('; ')}.`);
  if (keys.some(({ scope }) => scope === 'service'))
    limits.push('A signature by a service key says that some release of this service made it, not which code did.');
  if (manifest?.upgrade?.kind === 'signed') limits.push(upgradeLimit(manifest.upgrade));
  if (manifest?.handover !== undefined && appRoot !== undefined)
    limits.push('What the keys are derived from may be handed to other enclaves, which then have it too.');
  if (appRoot !== undefined) limits.push(copiesLimit(appRoot));
  if (keys.some(({ exportable }) => exportable))
    limits.push('Imported keys exist outside of the enclave too, wherever they came from.');
  if (Object.values(manifest?.keys ?? {}).some(({ policy }) => policy.copies === 'per-live-copy'))
    limits.push('Spending limits hold for each running copy; nothing shows how many copies there are.');
  if (manifest?.credentials !== undefined)
    limits.push('A host that gets a credential can show it to the server by repeating it in an answer.');
  return limits;
}

type SignedUpgrade = Extract<UpgradePolicy, { readonly kind: 'signed' }>;

/** Who can change the code, and how soon. */
function upgradeLimit({ keys, threshold, minDelay, witnesses }: SignedUpgrade): string {
  const who = `Whoever holds ${threshold} of the ${keys.length} release keys can change code and policy`;
  if (minDelay === undefined) return `${who}, without delay.`;
  if (witnesses === undefined)
    return `${who}; a delay of ${showSeconds(minDelay)} is written in the manifest, and not enforced by anybody.`;
  return `${who}, ${showSeconds(minDelay)} after ${witnesses.threshold} of ${witnesses.keys.length} witnesses have seen the release; nobody else enforces the delay.`;
}

/** What happens with an older copy of the state, or a second one. */
function copiesLimit({ copies, anchor }: NonNullable<Claims['appRoot']>): string {
  if (copies === 'unbounded' || anchor === undefined)
    return 'Nothing tells an older copy of the state, or a second one that runs, from the latest: what the state limits holds for each copy.';
  const { kind, rolledBackBy } = anchor;
  const who = rolledBackBy.length === 0 ? 'nobody that it names' : rolledBackBy.join('; ');
  return `That the state is the latest rests on an anchor (${kind}), which can be put back by: ${who}.`;
}

const UNITS = [
  ['days', 86_400],
  ['hours', 3600],
  ['minutes', 60],
  ['seconds', 1],
] as const;

/** In the largest unit that says it exactly. */
function showSeconds(seconds: number): string {
  const [unit, size] = UNITS.find(([, one]) => seconds % one === 0) ?? ['seconds', 1];
  return `${seconds / size} ${unit}`;
}

function acceptsAnyMachine(policy: AppraisalPolicy, technology: Claims['technology']): boolean {
  return technology !== 'tpm' && policy[technology].platforms === 'any';
}
