/**
 * Authentication of DCAP collateral: TCB info, QE identity and revocation lists, each to the same
 * trust anchor as the quote, each in force at the given time.
 *
 * The three are judged apart, so that a result can say which one is bad. Signatures are verified
 * over the texts as they came; only then are the texts parsed.
 *
 * Roles (Intel SGX PCK Certificate and CRL Profile Specification): TCB info and QE identity are
 * signed by "Intel SGX TCB Signing" directly under the root; no other certificate under the same
 * root may, or any extracted PCK key could declare itself up to date.
 *
 * @module
 */
import { type DcapCollateral, sameBytes } from '@vitrine/documents/evidence';
import { bytesOfHex } from '#crypto';
import { verifyEndorsedSignature } from '../platform/endorsed-signature.ts';
import { type Attempt, attempt, type RefusalError, refuse } from '../refusal.ts';
import type { Certificate } from '../x509/certificate.ts';
import { authenticateChain, type Chain, parseChain, rootOf } from '../x509/chain.ts';
import { authenticateRevocationList, parseRevocationList, type RevocationList } from '../x509/crl.ts';
import { parseQeIdentity, type QeIdentity } from './qe-identity.ts';
import { commonValidity, inForceAt, remember, type Validity } from './remembered.ts';
import { parseTcbInfo, type TcbInfo } from './tcb-info.ts';

/** Authenticated endorsements, or why they are not. */
export interface DcapEndorsements {
  readonly tcbInfo: Attempt<TcbInfo>;
  readonly qeIdentity: Attempt<QeIdentity>;
  readonly revocation: RevocationFinding;
}

/** What the lists say that are good, and what is wrong with the others. */
interface RevocationFinding {
  /** Common names and serial numbers of the certificates of this verification that are listed. */
  readonly revoked: readonly string[];
  /** Why not all lists could be looked into. */
  readonly problem?: RefusalError;
}

const TCB_SIGNER = 'Intel SGX TCB Signing';

/** One per kind of platform and evaluation: few at a time, and each is some 50 kB. */
const MAX_REMEMBERED = 16;

/** What collateral says that was good in all parts, and the authorities under which it was. */
interface Good {
  readonly collateral: DcapCollateral;
  /** Intermediate and root of the PCK chain: both sign revocation lists, the root all else. */
  readonly authorities: readonly Certificate[];
  readonly tcbInfo: TcbInfo;
  readonly qeIdentity: QeIdentity;
  readonly lists: Lists;
  readonly validity: Validity;
}

/** By signature of TCB info; a text in which anything differs replaces the one before. */
const good = new Map<string, Good>();

/**
 * Authenticates collateral under the root of an authenticated PCK chain.
 *
 * Collateral that was good in all parts is remembered: the same texts under the same authorities
 * are not read again while all of them are in force. Which certificates are revoked is looked up
 * each time.
 *
 * @param pckChain - Leaf, intermediate, root; authenticated for this `now`, its root a trust anchor.
 */
export async function authenticateEndorsements(
  collateral: DcapCollateral,
  pckChain: Chain,
  now: Date,
): Promise<DcapEndorsements> {
  const known = good.get(collateral.tcb_info_signature);
  if (known !== undefined && isSame(known, collateral, pckChain) && inForceAt(known.validity, now)) {
    const { tcbInfo, qeIdentity, lists } = known;
    return {
      tcbInfo: { ok: true, value: tcbInfo },
      qeIdentity: { ok: true, value: qeIdentity },
      revocation: { revoked: findRevoked(lists, pckChain) },
    };
  }
  const signers = await authenticateSigners(collateral, pckChain, now);
  const tcbInfo = await attempt(async () => {
    const { tcb_info: text, tcb_info_signature: signature } = collateral;
    await authenticateText(text, signature, signers.tcbInfo, 'TCB info');
    return inForce(parseTcbInfo(text), now, 'TCB info');
  });
  const qeIdentity = await attempt(async () => {
    const { qe_identity: text, qe_identity_signature: signature } = collateral;
    await authenticateText(text, signature, signers.qeIdentity, 'QE identity');
    return inForce(parseQeIdentity(text), now, 'QE identity');
  });
  const chains = [signers.tcbInfo, signers.qeIdentity].flatMap((signer) => (signer.ok ? [signer.value] : []));
  const lists = await readLists(collateral, pckChain, now);
  const { root, pck } = lists;
  if (tcbInfo.ok && qeIdentity.ok && root.ok && pck.ok && lists.shown.ok) {
    const all: Lists = { root: root.value, pck: pck.value, signers: chains, shown: lists.shown.value };
    rememberGood(collateral, pckChain, { tcbInfo: tcbInfo.value, qeIdentity: qeIdentity.value, lists: all });
  }
  const found: LooseLists = {
    signers: chains,
    ...(root.ok ? { root: root.value } : {}),
    ...(pck.ok ? { pck: pck.value } : {}),
  };
  const bad = [lists.shown, root, pck].find((one) => !one.ok);
  const revoked = findRevoked(found, pckChain);
  return {
    tcbInfo,
    qeIdentity,
    revocation: bad === undefined || bad.ok ? { revoked } : { revoked, problem: bad.refusal },
  };
}

const FIELDS = [
  'pck_crl_issuer_chain',
  'root_ca_crl',
  'pck_crl',
  'tcb_info_issuer_chain',
  'tcb_info',
  'tcb_info_signature',
  'qe_identity_issuer_chain',
  'qe_identity',
  'qe_identity_signature',
] as const satisfies readonly (keyof DcapCollateral)[];

function isSame(known: Good, collateral: DcapCollateral, pckChain: Chain): boolean {
  const authorities = pckChain.slice(1);
  return (
    FIELDS.every((field) => known.collateral[field] === collateral[field]) &&
    known.authorities.length === authorities.length &&
    known.authorities.every((one, index) => one === authorities[index] || isEqual(one, authorities[index]))
  );
}

function isEqual(left: Certificate, right: Certificate | undefined): boolean {
  return right !== undefined && sameBytes(left.der, right.der);
}

function rememberGood(
  collateral: DcapCollateral,
  pckChain: Chain,
  parts: Pick<Good, 'tcbInfo' | 'qeIdentity' | 'lists'>,
): void {
  const { tcbInfo, qeIdentity, lists } = parts;
  const [issuer, ...others] = lists.shown;
  // Another certificate of the same authority was judged by the leaf that it signed, so by one machine.
  if (issuer !== undefined && !isEqual(issuer, pckChain[1])) return;
  const certificates = [...lists.signers.flat(), ...others, ...pckChain.slice(1)];
  const validity = commonValidity([
    [tcbInfo.issueDate, tcbInfo.nextUpdate],
    [qeIdentity.issueDate, qeIdentity.nextUpdate],
    ...[lists.root, lists.pck].map(({ thisUpdate, nextUpdate }) => [thisUpdate, nextUpdate] as const),
    ...certificates.map(({ notBefore, notAfter }) => [notBefore, notAfter] as const),
  ]);
  const copy = { ...collateral };
  const entry: Good = { collateral: copy, authorities: pckChain.slice(1), ...parts, validity };
  remember(good, collateral.tcb_info_signature, entry, MAX_REMEMBERED);
}

/** Each a chain of signer and root. */
interface Signers {
  readonly tcbInfo: Attempt<Chain>;
  readonly qeIdentity: Attempt<Chain>;
}

async function authenticateSigners(collateral: DcapCollateral, pckChain: Chain, now: Date): Promise<Signers> {
  const { tcb_info_issuer_chain: first, qe_identity_issuer_chain: second } = collateral;
  const tcbInfo = await attempt(() => authenticateSigner(first, pckChain, now, 'TCB info issuer chain'));
  if (first === second && tcbInfo.ok) return { tcbInfo, qeIdentity: tcbInfo };
  return {
    tcbInfo,
    qeIdentity: await attempt(() => authenticateSigner(second, pckChain, now, 'QE identity issuer chain')),
  };
}

async function authenticateSigner(pem: string, pckChain: Chain, now: Date, what: string): Promise<Chain> {
  const chain = parseChain(pem, 2, what, { known: pckChain });
  await authenticateChain(chain, now, what, [rootOf(pckChain)]);
  demandSameRoot(chain, pckChain, what);
  const [signer] = chain;
  if (signer.subject.commonName !== TCB_SIGNER) {
    refuse(`${what}: its leaf may not sign TCB info`, { expected: TCB_SIGNER, actual: signer.subject.commonName });
  }
  return chain;
}

async function authenticateText(text: string, hex: string, chain: Attempt<Chain>, what: string): Promise<void> {
  if (!chain.ok) throw chain.refusal;
  const [signer] = chain.value;
  const signature = decodeHex(hex, `${what} signature`);
  if (!(await verifyEndorsedSignature(signer.publicKey, new TextEncoder().encode(text), signature))) {
    refuse(`${what}: its signature is not of ${signer.subject.commonName}, or its text was changed`);
  }
}

function inForce<T extends { readonly issueDate: Date; readonly nextUpdate: Date }>(
  value: T,
  now: Date,
  what: string,
): T {
  if (value.issueDate <= now && now <= value.nextUpdate) return value;
  return refuse(`${what} is stale or not yet in force: fetch fresh endorsements`, {
    expected: `${value.issueDate.toISOString()} to ${value.nextUpdate.toISOString()}`,
    actual: now.toISOString(),
  });
}

interface Lists {
  readonly root: RevocationList;
  readonly pck: RevocationList;
  /** Of TCB info and QE identity, each with its root. */
  readonly signers: readonly Chain[];
  /** The issuer's chain that came along with the PCK list. */
  readonly shown: readonly Certificate[];
}

/** What there is of {@link Lists}, where not all of it is good. */
type LooseLists = Pick<Lists, 'signers'> & Partial<Pick<Lists, 'root' | 'pck'>>;

/** Each list apart, since one that is good may name a certificate whatever is wrong with the other. */
async function readLists(
  collateral: DcapCollateral,
  pckChain: Chain,
  now: Date,
): Promise<
  { readonly [name in 'root' | 'pck']: Attempt<RevocationList> } & { readonly shown: Attempt<Lists['shown']> }
> {
  const [leaf, intermediate = leaf] = pckChain;
  const read = (hex: string, issuer: Certificate, what: string): Promise<Attempt<RevocationList>> =>
    attempt(async () => {
      const list = parseRevocationList(decodeHex(hex, what), what);
      await authenticateRevocationList(list, issuer, now, what);
      return list;
    });
  return {
    shown: await attempt(() => checkPckCrlIssuerChain(collateral.pck_crl_issuer_chain, pckChain, now)),
    root: await read(collateral.root_ca_crl, rootOf(pckChain), 'root CRL'),
    pck: await read(collateral.pck_crl, intermediate, 'PCK CRL'),
  };
}

/** Names of the certificates that are listed, in lists that may be missing. */
function findRevoked({ root, pck, signers }: LooseLists, [leaf, intermediate = leaf]: Chain): readonly string[] {
  const listed = [
    ...[leaf].filter(({ serial }) => pck?.revoked.has(serial)),
    ...[intermediate, ...signers.map(([signer]) => signer)].filter(({ serial }) => root?.revoked.has(serial)),
  ];
  return [...new Set(listed.map(({ subject, serial }) => `${subject.commonName} (serial ${serial})`))];
}

/**
 * The list is verified with the leaf's own issuer. Where the collateral carries the issuer's chain
 * too, it has to be good and of the same authority: another one means that the list is foreign.
 */
async function checkPckCrlIssuerChain(pem: string, pckChain: Chain, now: Date): Promise<readonly Certificate[]> {
  if (pem === '') return [];
  const what = 'PCK CRL issuer chain';
  const [issuer, root] = parseChain(pem, 2, what, { known: pckChain });
  if (root === undefined) return refuse(`${what}: incomplete`);
  // With the leaf in front, the issuer has to be an authority, and the very one that signed the leaf.
  const chain: Chain = [pckChain[0], issuer, root];
  await authenticateChain(chain, now, what, pckChain);
  demandSameRoot(chain, pckChain, what);
  return [issuer, root];
}

function demandSameRoot(chain: Chain, pckChain: Chain, what: string): void {
  if (sameBytes(rootOf(chain).publicKey, rootOf(pckChain).publicKey)) return;
  refuse(`${what} ends in another root than the PCK chain`, {
    expected: rootOf(pckChain).subject.text,
    actual: rootOf(chain).subject.text,
  });
}

function decodeHex(hex: string, what: string): Uint8Array<ArrayBuffer> {
  return bytesOfHex(hex) ?? refuse(`${what}: not lower-case hexadecimal`);
}
