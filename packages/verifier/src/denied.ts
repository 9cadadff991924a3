/**
 * Appraisal of deny-lists: is what runs among what somebody whose word counts says must not be used any more?
 *
 * Every list that the caller hands over denies, whoever signed it: that can only refuse more. Only the demand of a
 * policy that there be a list is about signatures, keys and numbers.
 *
 * Specification: RFC 8032 (Ed25519); `deny-list.ts` of `@vitrine/documents`.
 *
 * @module
 */
import {
  type DeniedEntry,
  type DenyList,
  denyListSigned,
  either,
  fromBase64Url,
  fromHex,
  hex,
  type Infer,
  type Issue,
  integer,
  list,
  object,
  oneOf,
  type Shape,
} from '@vitrine/documents/evidence';
import type { Check, Claims } from './result.ts';

const demand = object({
  /** Ed25519 public keys of the issuer, each once. */
  keys: list(hex(32)),
  /** How many of them have to have signed. */
  threshold: integer(1),
  /** The lowest number of a list that is new enough. */
  minNumber: integer(1),
});

/** Whose signatures make a list one. */
export interface DenyListKeys {
  readonly keys: readonly string[];
  readonly threshold: number;
}

/** Beyond its parts: each key once, and a threshold that can be reached. */
const checkedDemand: Shape<Infer<typeof demand>> = {
  schema: demand.schema,
  parse: (value, path = []) => {
    const parsed = demand.parse(value, path);
    if (!parsed.ok) return parsed;
    const { keys, threshold } = parsed.value;
    const issues: Issue[] = keys.flatMap((key, index) =>
      keys.indexOf(key) === index
        ? []
        : [{ path: [...path, 'keys', index], message: `the key ${key} is there twice, and counts once` }],
    );
    if (threshold > keys.length) {
      const message = `expected at most ${keys.length}, the number of keys, found ${threshold}`;
      issues.push({ path: [...path, 'threshold'], message });
    }
    return issues.length > 0 ? { ok: false, issues } : parsed;
  },
};

export type DeniedPolicy = 'any' | Infer<typeof demand>;
/** `any`: no list is demanded. Lists that are at hand count all the same. */
export const deniedPolicyShape: Shape<DeniedPolicy> = either(oneOf('any'), checkedDemand);

/** What is held against the lists; without a manifest, as of raw evidence, only the registers are. */
export interface DeniedSubject {
  readonly technology: Claims['technology'];
  readonly registers: Claims['registers'];
  readonly manifest?: { readonly digest: string; readonly name: string; readonly number: number };
}

const ID = 'workload.denied';

/** The check `workload.denied`. */
export async function appraiseDenied(
  policy: DeniedPolicy,
  subject: DeniedSubject,
  lists: readonly DenyList[],
): Promise<Check> {
  for (const one of lists) {
    const found = denial(one, subject);
    if (found !== undefined) return { id: ID, status: 'failed', anchor: 'caller', ...found };
  }
  if (policy !== 'any') {
    const lacks = await missing(policy, lists);
    if (lacks !== undefined) return { id: ID, status: 'unavailable', message: lacks };
  }
  if (lists.length === 0)
    return { id: ID, status: 'waived', message: 'No deny-list is at hand, and none is asked for.' };
  const names = lists.map(({ name, number }) => `"${name}" number ${number}`).join(', ');
  if (subject.manifest === undefined) {
    const message = `Raw evidence names no manifest; its registers are not on the deny-list ${names}.`;
    return { id: ID, status: policy === 'any' ? 'waived' : 'unavailable', message };
  }
  return { id: ID, status: 'passed', anchor: 'caller', message: `What runs is not on the deny-list ${names}.` };
}

/** Why a list denies `subject`, one sentence; `undefined` where none does. Who signed the lists is for the caller. */
export function denialIn(lists: readonly DenyList[], subject: DeniedSubject): string | undefined {
  for (const one of lists) {
    const found = denial(one, subject);
    if (found !== undefined) return found.message;
  }
  return undefined;
}

/** Whether at least `threshold` of `keys` have signed the list. Signatures of other keys count nothing. */
export async function isSignedBy(denyList: DenyList, { keys, threshold }: DenyListKeys): Promise<boolean> {
  const good = await goodSigners(denyList);
  return new Set(good.filter((key) => keys.includes(key))).size >= threshold;
}

/** The keys whose signatures on the list are good. */
export async function goodSigners(denyList: DenyList): Promise<readonly string[]> {
  const message = denyListSigned(denyList);
  const signed = await Promise.all(
    denyList.signatures.map(async ({ key, signature }) => ((await isGood(key, signature, message)) ? [key] : [])),
  );
  return signed.flat();
}

async function isGood(key: string, signature: string, message: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const raw = fromHex(key);
  const bytes = fromBase64Url(signature);
  if (raw?.length !== 32 || bytes?.length !== 64) return false;
  try {
    const imported = await crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', imported, bytes, message);
  } catch {
    // Bytes that are no key verify nothing; some implementations say so by throwing.
    return false;
  }
}

async function missing(
  { keys, threshold, minNumber }: Exclude<DeniedPolicy, 'any'>,
  lists: readonly DenyList[],
): Promise<string | undefined> {
  const signed = await Promise.all(
    lists.map(async (one) => ((await isSignedBy(one, { keys, threshold })) ? [one] : [])),
  );
  const numbers = signed.flat().map(({ number }) => number);
  if (numbers.some((number) => number >= minNumber)) return undefined;
  const wanted = `The policy demands a deny-list, number ${minNumber} or later, signed by ${threshold} of ${keys.length} keys`;
  return numbers.length === 0
    ? `${wanted}, and none is at hand: keep one with \`vitrine pins deny FILE\`.`
    : `${wanted}; the newest at hand is number ${Math.max(...numbers)}.`;
}

type Denial = Required<Pick<Check, 'expected' | 'actual' | 'message'>>;

/** The first entry of the list that is about `subject`. */
function denial({ name, number, denied, minimum }: DenyList, subject: DeniedSubject): Denial | undefined {
  const by = `the deny-list "${name}" number ${number}`;
  const entry = denied.find((one) => concerns(one, subject));
  if (entry !== undefined) {
    const reason = entry.reason === undefined ? '' : `: ${entry.reason}`;
    return { ...said(entry, subject), message: `What runs is denied by ${by}${reason}.` };
  }
  const { manifest } = subject;
  const least = minimum.find((one) => one.application === manifest?.name && manifest.number < one.number);
  if (least === undefined || manifest === undefined) return undefined;
  return {
    expected: `${least.application} number ${least.number} or later`,
    actual: `number ${manifest.number}`,
    message: `What runs is an older release than ${by} accepts.`,
  };
}

function concerns(entry: DeniedEntry, { technology, registers, manifest }: DeniedSubject): boolean {
  if ('manifest' in entry) return manifest?.digest === entry.manifest;
  if ('application' in entry) return manifest?.name === entry.application && manifest.number < entry.below;
  return (
    entry.technology === technology &&
    Object.entries(entry.registers).every(([register, value]) => registers[register] === value)
  );
}

function said(entry: DeniedEntry, { manifest }: DeniedSubject): Pick<Denial, 'expected' | 'actual'> {
  if ('manifest' in entry) return { expected: 'another manifest', actual: entry.manifest };
  if ('application' in entry) {
    return {
      expected: `${entry.application} number ${entry.below} or later`,
      actual: `number ${manifest?.number ?? 0}`,
    };
  }
  const values = Object.entries(entry.registers).map(([register, value]) => `${register} ${value}`);
  return { expected: `another image on ${entry.technology}`, actual: values.join(', ') };
}
