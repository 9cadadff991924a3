/**
 * Authentication of the platform behind a quote: its PCK certificate chain, from the leaf to a root
 * that signed itself, and what Intel certifies in the leaf (Intel SGX PCK Certificate and CRL
 * Profile Specification). Whose root it is, is asked apart, each time anew. A root that is an
 * anchor's certificate, byte by byte, is taken as it is: an anchor is believed for being one, not
 * for its signature over itself (RFC 5280, 6.1.1 d).
 *
 * @module
 */
import { sameBytes } from '@vitrine/documents/evidence';
import { refuse } from '../refusal.ts';
import { authenticateChain, type Chain, parseChain, rootOf } from '../x509/chain.ts';
import { QUOTE_ENDINGS } from '../x509/pem.ts';
import type { TrustAnchor } from './anchors.ts';
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
const NAME_CHARACTERS = 128;

interface Good extends Platform {
  readonly pem: string;
  readonly validity: Validity;
  /** Whether the root was seen to have signed itself; if not, it is the certificate of an anchor. */
  readonly selfSigned: boolean;
}

/** Good chains by the beginning of their PEM text, where the leaf's serial number stands; all of it is compared. */
const good = new Map<string, Good>();

/**
 * The platform whose chain is `pem`, for the time `now`. A root that is none of `anchors` is no
 * reason to refuse here.
 *
 * @throws RefusalError
 */
export async function authenticatePlatform(pem: string, anchors: readonly TrustAnchor[], now: Date): Promise<Platform> {
  const name = pem.slice(0, NAME_CHARACTERS);
  const known = good.get(name);
  if (known?.pem === pem && inForceAt(known.validity, now)) {
    if (known.selfSigned || isPinned(known.chain, anchors)) return known;
  }
  const chain = parsePckChain(pem, anchors);
  const pinned = isPinned(chain, anchors);
  await authenticateChain(chain, now, PCK_CHAIN, pinned ? [rootOf(chain)] : []);
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
  remember(good, name, { ...platform, pem, validity, selfSigned: !pinned }, MAX_REMEMBERED);
  return platform;
}

/** Whether the root of `chain` is the certificate of one of `anchors`. */
function isPinned(chain: Chain, anchors: readonly TrustAnchor[]): boolean {
  const { der } = rootOf(chain);
  return anchors.some(({ certificate }) => certificate !== undefined && sameBytes(certificate.der, der));
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
function parsePckChain(pem: string, anchors: readonly TrustAnchor[] = []): Chain {
  const known = anchors.flatMap(({ certificate }) => certificate ?? []);
  return parseChain(pem, 3, PCK_CHAIN, { known, endings: QUOTE_ENDINGS });
}
