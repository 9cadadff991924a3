/**
 * Loads the policy of a key: refuses what could be read in two ways, what cannot mean anything, and what
 * would take too long to decide, and compiles the rest.
 *
 * The shape of the document was checked before (`keysShape`); this is about what it says. It reads
 * nothing but its parameters.
 *
 * @module
 */
import type { KeyAction, KeyAlgorithm, KeyApprover, KeySpec } from '@vitrine/documents';
import type { KeyReading } from './compile-effect.ts';
import { compileLimit } from './compile-limits.ts';
import { compileRule } from './compile-rule.ts';
import type { ActionFamily, LoadedAllowRule, LoadedLimit, LoadedPolicy, LoadedRule } from './loaded-policy.ts';
import { type Path, quoted, refusePolicy, uniqueSet } from './policy-error.ts';

const MAX_RULES = 1000;
const MAX_LIMITS = 100;
const MAX_LIST_ENTRIES = 10_000;
/** Characters of the policy as JSON. */
const MAX_POLICY_CHARACTERS: number = 1 << 20;

/** Where the policy is to apply. */
export interface Surroundings {
  /** Whether the manifest gives each caller a server of its own. */
  readonly isolated: boolean;
  /** Whether it names a freshness anchor, so that one copy at a time signs. Absent: not. */
  readonly anchored?: boolean;
}

const FAMILY: Readonly<Record<KeyAction, ActionFamily>> = {
  'evm.transaction': 'evm',
  'evm.message': 'evm',
  'evm.typed-data': 'evm',
  'solana.message': 'solana',
  jws: 'jws',
  sign: 'sign',
  encrypt: 'encrypt',
  decrypt: 'encrypt',
  mac: 'mac',
};

const ALGORITHMS: Readonly<Record<ActionFamily, readonly KeyAlgorithm[]>> = {
  evm: ['secp256k1'],
  solana: ['ed25519'],
  jws: ['ed25519', 'p256'],
  sign: ['ed25519', 'p256'],
  encrypt: ['aes256', 'x25519'],
  mac: ['aes256'],
};

/**
 * Loads the policy of the key `name`.
 *
 * @param spec - The key as the manifest has it, of the right shape.
 * @throws UsageError `policy.*`, with the place, what was found and what to do.
 */
export function loadPolicy(name: string, spec: KeySpec, surroundings: Surroundings): LoadedPolicy {
  const key: Path = ['keys', name];
  const path: Path = [...key, 'policy'];
  const { policy } = spec;
  checkSize(path, policy);
  checkVersions(key, spec);
  const family = checkActions(path, spec);
  const approvers = policy.approvers ?? {};
  checkApprovers([...path, 'approvers'], approvers);

  const ids = new Map<string, string>();
  const reading: KeyReading = { tokens: new Map(), selectors: new Map(), patterns: 0 };
  const allowRules: LoadedAllowRule[] = [];
  const denyRules: LoadedRule[] = [];
  for (const [index, rule] of policy.rules.entries()) {
    const at = [...path, 'rules', index];
    claimId(ids, at, rule.id, 'a rule');
    const loaded = compileRule(at, rule, { isolated: surroundings.isolated, approvers, reading });
    if ('allow' in loaded) allowRules.push(loaded.allow);
    else denyRules.push(loaded.deny);
  }
  const limits: LoadedLimit[] = (policy.limits ?? []).map((limit, index) => {
    const at = [...path, 'limits', index];
    claimId(ids, at, limit.id, 'a limit');
    return compileLimit(at, limit, { family, isolated: surroundings.isolated, allowRules });
  });
  const copies = checkCopies(path, policy.copies, limits.length);

  return {
    name,
    family,
    denyRules: denyRules.sort(byId),
    allowRules: allowRules.sort(byId),
    limits: limits.sort(byId),
    ...(copies === undefined || (copies === 'strict' && surroundings.anchored === true) ? {} : { copies }),
    approvers,
    tokens: new Map([...reading.tokens].map(([token, { standard }]) => [token, standard])),
  };
}

function byId(left: { readonly id: string }, right: { readonly id: string }): number {
  return left.id < right.id ? -1 : 1;
}

function checkSize(path: Path, policy: KeySpec['policy']): void {
  if (policy.rules.length > MAX_RULES) {
    refusePolicy('size', [...path, 'rules'], `found ${policy.rules.length} rules, at most ${MAX_RULES} are read`);
  }
  if ((policy.limits?.length ?? 0) > MAX_LIMITS) {
    refusePolicy('size', [...path, 'limits'], `found ${policy.limits?.length} limits, at most ${MAX_LIMITS} are read`);
  }
  checkValues(path, policy);
  const characters = JSON.stringify(policy).length;
  if (characters > MAX_POLICY_CHARACTERS) {
    refusePolicy('size', path, `has ${characters} characters as JSON, at most ${MAX_POLICY_CHARACTERS} are read`);
  }
}

/** What people who read the policy could not see, or would see in another order. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

function checkText(path: Path, text: string): void {
  // Messages that people sign have lines, and only there are lines shown as what they are.
  const found = UNSEEN.exec(path.includes('startsWith') ? text.replace(/[\n\t]/g, '') : text)?.[0].codePointAt(0);
  if (found === undefined) return;
  refusePolicy(
    'unseen-character',
    path,
    `has U+${found.toString(16).toUpperCase().padStart(4, '0')}, which people who read the policy cannot see; leave it out`,
  );
}

/** Its depth is that of the shape. */
function checkValues(path: Path, value: unknown): void {
  if (typeof value === 'string') checkText(path, value);
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    if (value.length > MAX_LIST_ENTRIES) {
      refusePolicy('size', path, `found a list of ${value.length}, at most ${MAX_LIST_ENTRIES} entries are read`);
    }
    for (const [index, entry] of value.entries()) checkValues([...path, index], entry);
    return;
  }
  for (const [member, inner] of Object.entries(value)) checkValues([...path, member], inner);
}

function checkVersions(key: Path, { version, retired, origin }: KeySpec): void {
  if (retired === undefined) return;
  if (origin === 'generated') {
    refusePolicy(
      'retired',
      [...key, 'retired'],
      'a generated key is new at every boot and has no earlier versions; leave it out',
    );
  }
  uniqueSet([...key, 'retired'], retired);
  for (const [index, one] of retired.entries()) {
    if (one < version) continue;
    refusePolicy('retired', [...key, 'retired', index], `found ${one}, expected less than the version ${version}`);
  }
}

function checkActions(path: Path, { algorithm, policy }: KeySpec): ActionFamily {
  const [first] = policy.rules;
  if (first === undefined) refusePolicy('empty', [...path, 'rules'], 'has no rule, so the key could never be used');
  const family = FAMILY[first.action];
  for (const [index, { action }] of policy.rules.entries()) {
    const at = [...path, 'rules', index, 'action'];
    if (FAMILY[action] !== family) {
      refusePolicy(
        'mixed-actions',
        at,
        `found ${action} beside ${first.action} of rule ${quoted(first.id)}; what one signs could pass for the other, so give each a key of its own`,
      );
    }
    if (!ALGORITHMS[family].includes(algorithm)) {
      refusePolicy('algorithm', at, `${action} needs ${ALGORITHMS[family].join(' or ')}, but the key is ${algorithm}`);
    }
  }
  return family;
}

function checkApprovers(path: Path, approvers: Readonly<Record<string, KeyApprover>>): void {
  const owners = new Map<string, string>();
  for (const [name, approver] of Object.entries(approvers)) {
    const before = owners.get(approver.publicKey);
    if (before !== undefined) {
      refusePolicy(
        'same-approver',
        [...path, name, 'publicKey'],
        `is the key of ${quoted(before)}, too, who would count twice; leave one out`,
      );
    }
    owners.set(approver.publicKey, name);
    if (approver.kind !== 'webauthn') continue;
    const host = new URL(approver.origin).hostname;
    if (host !== approver.rpId && !host.endsWith(`.${approver.rpId}`)) {
      refusePolicy(
        'origin',
        [...path, name, 'origin'],
        `found ${quoted(approver.origin)}, which is not of the relying party ${quoted(approver.rpId)}; no browser would sign that`,
      );
    }
  }
}

/** Decisions name rules and limits by id alone. */
function claimId(ids: Map<string, string>, at: Path, id: string, what: string): void {
  const before = ids.get(id);
  if (before !== undefined) {
    refusePolicy('duplicate', [...at, 'id'], `${quoted(id)} is the name of ${before} already; choose another`);
  }
  ids.set(id, what);
}

function checkCopies(path: Path, copies: LoadedPolicy['copies'], limits: number): LoadedPolicy['copies'] {
  if (limits > 0 && copies === undefined) {
    refusePolicy(
      'copies',
      path,
      'has limits but does not say copies; write copies: per-live-copy if each running copy may use them up, or copies: strict',
    );
  }
  if (limits === 0 && copies !== undefined) {
    refusePolicy('copies', [...path, 'copies'], `found ${copies} without limits, about which it speaks; leave it out`);
  }
  return copies;
}
