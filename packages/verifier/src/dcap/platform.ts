/**
 * Authentication of the platform behind a quote: its PCK certificate chain, from the leaf to a root
 * that signed itself, and what Intel certifies in the leaf (Intel SGX PCK Certificate and CRL
 * Profile Specification). Whose root it is, is asked apart, each time anew.
 *
 * @module
 */
import { refuse } from '../refusal.ts';
import { authenticateChain, type Chain, parseChain } from '../x509/chain.ts';
import { QUOTE_ENDINGS } from '../x509/pem.ts';
import { type PckClaims, parsePckClaims } from './pck.ts';
import { commonValidity, inForceAt, remember, type Validity } from './remembered.ts';

export interface Platform {
  /** PCK leaf, intermediate, root. */
  readonly chain: Chain;
  readonly pck: PckClaims;
}

/** What decides which endorsements are needed. Hexadecimal, lower case. */
export interface PlatformName {
  readonly fmspc: string;
  readonly pceId: string;
  /** Which CA's revocation list is needed. */
  readonly ca: 'platform' | 'processor';
}

const PCK_CHAIN = 'PCK certificate chain';
const PCK_LEAF = 'Intel SGX PCK Certificate';
const PCK_AUTHORITIES: ReadonlyMap<string, 'platform' | 'processor'> = new Map([
  ['Intel SGX PCK Platform CA', 'platform'],
  ['Intel SGX PCK Processor CA', 'processor'],
]);

/** One per machine. */
const MAX_REMEMBERED = 64;

/** Good chains by their PEM text. */
const good = new Map<string, Platform & { readonly validity: Validity }>();

/**
 * The platform whose chain is `pem`, for the time `now`.
 *
 * @throws RefusalError
 */
export async function authenticatePlatform(pem: string, now: Date): Promise<Platform> {
  const known = good.get(pem);
  if (known !== undefined && inForceAt(known.validity, now)) return known;
  const chain = parsePckChain(pem);
  await authenticateChain(chain, now, PCK_CHAIN);
  const [leaf, intermediate] = chain;
  const authority = intermediate?.subject.commonName ?? '';
  if (!PCK_AUTHORITIES.has(authority)) {
    refuse(`${PCK_CHAIN}: its intermediate certifies no platforms`, {
      expected: [...PCK_AUTHORITIES.keys()].join(' or '),
      actual: authority,
    });
  }
  if (leaf.subject.commonName !== PCK_LEAF) {
    refuse(`${PCK_CHAIN}: its leaf is no PCK certificate`, { expected: PCK_LEAF, actual: leaf.subject.commonName });
  }
  const platform: Platform = { chain, pck: parsePckClaims(leaf) };
  const validity = commonValidity(chain.map(({ notBefore, notAfter }) => [notBefore, notAfter]));
  remember(good, pem, { ...platform, validity }, MAX_REMEMBERED);
  return platform;
}

/**
 * The platform that a chain names, to fetch endorsements for. Not authenticated.
 *
 * @throws RefusalError
 */
export function readPlatformName(pem: string): PlatformName {
  const [leaf] = parsePckChain(pem);
  const ca = PCK_AUTHORITIES.get(leaf.issuer.commonName);
  if (ca === undefined) return refuse(`PCK certificate: its issuer is ${leaf.issuer.text}`);
  const { fmspc, pceId } = parsePckClaims(leaf);
  return { fmspc, pceId, ca };
}

/** Leaf, intermediate, root. */
function parsePckChain(pem: string): Chain {
  return parseChain(pem, 3, PCK_CHAIN, { endings: QUOTE_ENDINGS });
}
