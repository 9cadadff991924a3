/**
 * Claims of a token, checked until they can be written in exactly one way.
 *
 * What comes in has been parsed already, so no name stands in it twice; what is checked here is that nothing
 * is lost or changed on the way to canonical JSON.
 *
 * Specification: RFC 7519, section 4.1; RFC 8785.
 *
 * @module
 */
import { RefusedRequestError } from '../intent.ts';

/** Nesting of the claims, of which no known profile has more than five. */
const MAX_DEPTH = 16;
/** How far `iat` may be from the service's time. */
const MAX_SKEW_SECONDS = 60;

export interface CheckedClaims {
  /** With `iat`. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** At least one. */
  readonly audiences: readonly string[];
  /** Seconds since 1970. */
  readonly expires: number;
}

/**
 * Checks the claims, and adds `iat` where it is absent.
 *
 * @param now - The service's time, whole seconds since 1970.
 * @throws RefusedRequestError with code `jws.claims`, `jws.expired` or `jws.issued-at`.
 */
export function checkClaims(given: unknown, now: number): CheckedClaims {
  const problem = problemIn(given, 0);
  if (problem !== undefined) throw refused('jws.claims', `the claims ${problem}`);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw refused('jws.claims', 'the claims are no JSON object');
  }
  const members = new Map(Object.entries(given));
  for (const name of ['iss', 'sub', 'jti']) {
    const value = members.get(name);
    if (value !== undefined && typeof value !== 'string') throw refused('jws.claims', `the claim ${name} is no text`);
  }
  const expires = seconds(members, 'exp');
  if (expires === undefined) throw refused('jws.claims', 'the claim exp is missing; every token must end');
  if (expires <= now) throw refused('jws.expired', `the claim exp is ${expires}, and now is ${now}`);
  const notBefore = seconds(members, 'nbf');
  if (notBefore !== undefined && notBefore >= expires) throw refused('jws.claims', 'the claim nbf is not before exp');
  const issued = seconds(members, 'iat');
  if (issued !== undefined && Math.abs(issued - now) > MAX_SKEW_SECONDS) {
    throw refused('jws.issued-at', `the claim iat is ${issued}, and now is ${now}; leave it out and it is set`);
  }
  members.set('iat', issued ?? now);
  return { claims: Object.fromEntries(members), audiences: audiencesOf(members), expires };
}

function audiencesOf(members: ReadonlyMap<string, unknown>): readonly string[] {
  // Without one a token could be shown to anybody, and a rule that lists audiences would have nothing to judge.
  if (!members.has('aud')) throw refused('jws.claims', 'the claim aud is missing; every token must say who it is for');
  const value = members.get('aud');
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  const texts = all.filter((one): one is string => typeof one === 'string' && one !== '');
  if (texts.length !== all.length || all.length === 0 || new Set(all).size !== all.length) {
    throw refused('jws.claims', 'the claim aud is neither a text nor a list of different texts');
  }
  return texts;
}

function seconds(members: ReadonlyMap<string, unknown>, name: string): number | undefined {
  if (!members.has(name)) return undefined;
  const value = members.get(name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw refused('jws.claims', `the claim ${name} is no whole number of seconds since 1970`);
  }
  return value;
}

/** Why `value` has no canonical JSON that every reader reads alike. */
function problemIn(value: unknown, depth: number): string | undefined {
  if (depth > MAX_DEPTH) return `are nested deeper than ${MAX_DEPTH}`;
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'string':
      return value.isWellFormed() ? undefined : 'have a text with half a character';
    case 'number':
      // Beyond 2^53 readers disagree, and negative zero is written as zero.
      return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER && !Object.is(value, -0)
        ? undefined
        : 'have a number that is not exact in all readers';
    case 'object':
      break;
    default:
      return `have a value of type ${typeof value}`;
  }
  if (value === null) return undefined;
  if (Array.isArray(value)) {
    for (const one of value) {
      const problem = problemIn(one, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return 'have a value that is no plain JSON';
  for (const [name, member] of Object.entries(value)) {
    const problem = name.isWellFormed() ? problemIn(member, depth + 1) : 'have a name with half a character';
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function refused(code: string, message: string): RefusedRequestError {
  return new RefusedRequestError(code, message);
}
