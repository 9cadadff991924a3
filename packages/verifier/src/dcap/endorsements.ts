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
import { type DcapCollateral, fromHex, sameBytes } from '@vitrine/documents';
import { verifyEndorsedSignature } from '../platform/endorsed-signature.ts';
import { type Attempt, attempt, refuse } from '../refusal.ts';
import type { Certificate } from '../x509/certificate.ts';
import { authenticateChain, type Chain, parseChain, rootOf } from '../x509/chain.ts';
import { authenticateRevocationList, parseRevocationList } from '../x509/crl.ts';
import { parseQeIdentity, type QeIdentity } from './qe-identity.ts';
import { parseTcbInfo, type TcbInfo } from './tcb-info.ts';

/** Authenticated endorsements, or why they are not. */
export interface DcapEndorsements {
  readonly tcbInfo: Attempt<TcbInfo>;
  readonly qeIdentity: Attempt<QeIdentity>;
  readonly revocation: Attempt<RevocationFinding>;
}

/** Whether the lists are good, and what they say. */
export interface RevocationFinding {
  /** Common names and serial numbers of the certificates of this verification that are listed. */
  readonly revoked: readonly string[];
}

const TCB_SIGNER = 'Intel SGX TCB Signing';

/**
 * Authenticates collateral under the root of an authenticated PCK chain.
 *
 * @param pckChain - Leaf, intermediate, root; authenticated for this `now`, its root a trust anchor.
 */
export async function authenticateEndorsements(
  collateral: DcapCollateral,
  pckChain: Chain,
  now: Date,
): Promise<DcapEndorsements> {
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
  const revocation = await attempt(() => readRevocation(collateral, pckChain, chains, now));
  return { tcbInfo, qeIdentity, revocation };
}

interface Signers {
  readonly tcbInfo: Attempt<Certificate>;
  readonly qeIdentity: Attempt<Certificate>;
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

async function authenticateSigner(pem: string, pckChain: Chain, now: Date, what: string): Promise<Certificate> {
  const chain = parseChain(pem, 2, what, { known: pckChain });
  await authenticateChain(chain, now, what, [rootOf(pckChain)]);
  demandSameRoot(chain, pckChain, what);
  const [signer] = chain;
  if (signer.subject.commonName !== TCB_SIGNER) {
    refuse(`${what}: its leaf may not sign TCB info`, { expected: TCB_SIGNER, actual: signer.subject.commonName });
  }
  return signer;
}

async function authenticateText(text: string, hex: string, signer: Attempt<Certificate>, what: string): Promise<void> {
  if (!signer.ok) throw signer.refusal;
  const signature = decodeHex(hex, `${what} signature`);
  if (!(await verifyEndorsedSignature(signer.value.publicKey, new TextEncoder().encode(text), signature))) {
    refuse(`${what}: its signature is not of ${signer.value.subject.commonName}, or its text was changed`);
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

async function readRevocation(
  collateral: DcapCollateral,
  pckChain: Chain,
  signers: readonly Certificate[],
  now: Date,
): Promise<RevocationFinding> {
  const [leaf, intermediate = leaf] = pckChain;
  const root = rootOf(pckChain);
  await checkPckCrlIssuerChain(collateral.pck_crl_issuer_chain, pckChain, now);
  const rootList = parseRevocationList(decodeHex(collateral.root_ca_crl, 'root CRL'), 'root CRL');
  await authenticateRevocationList(rootList, root, now, 'root CRL');
  const pckList = parseRevocationList(decodeHex(collateral.pck_crl, 'PCK CRL'), 'PCK CRL');
  await authenticateRevocationList(pckList, intermediate, now, 'PCK CRL');
  const listed = [
    ...[leaf].filter(({ serial }) => pckList.revoked.has(serial)),
    ...[intermediate, ...signers].filter(({ serial }) => rootList.revoked.has(serial)),
  ];
  return { revoked: [...new Set(listed.map(({ subject, serial }) => `${subject.commonName} (serial ${serial})`))] };
}

/**
 * The list is verified with the leaf's own issuer. Where the collateral carries the issuer's chain
 * too, it has to be good and of the same authority: another one means that the list is foreign.
 */
async function checkPckCrlIssuerChain(pem: string, pckChain: Chain, now: Date): Promise<void> {
  if (pem === '') return;
  const what = 'PCK CRL issuer chain';
  const [issuer, root] = parseChain(pem, 2, what, { known: pckChain });
  if (root === undefined) return refuse(`${what}: incomplete`);
  // With the leaf in front, the issuer has to be an authority, and the very one that signed the leaf.
  const chain: Chain = [pckChain[0], issuer, root];
  await authenticateChain(chain, now, what, pckChain);
  demandSameRoot(chain, pckChain, what);
}

function demandSameRoot(chain: Chain, pckChain: Chain, what: string): void {
  if (sameBytes(rootOf(chain).publicKey, rootOf(pckChain).publicKey)) return;
  refuse(`${what} ends in another root than the PCK chain`, {
    expected: rootOf(pckChain).subject.text,
    actual: rootOf(chain).subject.text,
  });
}

function decodeHex(hex: string, what: string): Uint8Array<ArrayBuffer> {
  return fromHex(hex) ?? refuse(`${what}: not lower-case hexadecimal`);
}
