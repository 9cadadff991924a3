/**
 * Endorsements of the simulated platform: both revocation lists, TCB info and QE identity, signed,
 * in the shape that DCAP verifiers exchange.
 *
 * TCB info and QE identity are signed as texts; nobody may serialise them again.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { encodePem } from '@vitrine/attester';
import { type DcapCollateral, toHex } from '@vitrine/documents';
import { type KeyPair, signRaw } from './keys.ts';
import type { Pki } from './pki.ts';
import { createQeIdentity, type QeIdentity } from './qe-identity.ts';
import { type CrlDescription, describeCrl, issueCrl, revokedEntry } from './revocation-list.ts';
import { createTcbInfo, type TcbInfo } from './tcb-info.ts';

/** Who signs a text, and the DER certificates that are shown for it, signer first. */
export interface TextSigner {
  readonly key: KeyPair;
  readonly chain: readonly Uint8Array[];
}

/** Changes to good collateral. Everything is signed after it is changed, by the good signer unless another is named. */
export interface CollateralChanges {
  readonly rootCrl?: (good: CrlDescription, pki: Pki) => CrlDescription;
  readonly pckCrl?: (good: CrlDescription, pki: Pki) => CrlDescription;
  readonly tcbInfo?: (good: TcbInfo) => object;
  /** The text to sign, after {@link CollateralChanges.tcbInfo}. */
  readonly tcbInfoText?: (good: string) => string;
  readonly tcbInfoSigner?: TextSigner;
  /** Raw r ‖ s. */
  readonly tcbInfoSignature?: (good: Uint8Array) => Uint8Array;
  readonly qeIdentity?: (good: QeIdentity) => object;
  readonly qeIdentityText?: (good: string) => string;
  readonly qeIdentitySigner?: TextSigner;
  readonly qeIdentitySignature?: (good: Uint8Array) => Uint8Array;
  /** The finished collateral: its strings as they are sent. */
  readonly after?: (good: DcapCollateral) => DcapCollateral;
}

const DAY_MS = 86_400_000;
/** A relying party whose clock is behind by less than this finds new collateral already valid. */
const CLOCK_TOLERANCE_MS = 3_600_000;

/** Collateral that is good for 30 days from an hour before `now`; the root's list for a year, as Intel's. */
export function makeCollateral(pki: Pki, now: Date, changes: CollateralChanges = {}): DcapCollateral {
  const change = <T>(good: T, by: ((good: T) => T) | undefined): T => (by === undefined ? good : by(good));
  const issued = new Date(now.getTime() - CLOCK_TOLERANCE_MS);
  const inDays = (days: number): Date => new Date(issued.getTime() + days * DAY_MS);

  const goodRootCrl = describeCrl(pki.root, issued, inDays(365));
  const goodPckCrl: CrlDescription = {
    ...describeCrl(pki.intermediate, issued, inDays(30)),
    // Some other machine's certificate, so that a reader of lists has something to read.
    revoked: [revokedEntry(Uint8Array.from([0x40, ...randomBytes(19)]), issued)],
  };
  const tcbInfo = createTcbInfo(pki.platform, issued, inDays(30));
  const qeIdentity = createQeIdentity(issued, inDays(30));
  const tcbInfoText = change(JSON.stringify(changes.tcbInfo?.(tcbInfo) ?? tcbInfo), changes.tcbInfoText);
  const qeIdentityText = change(JSON.stringify(changes.qeIdentity?.(qeIdentity) ?? qeIdentity), changes.qeIdentityText);
  const goodSigner: TextSigner = { key: pki.tcbSigning.key, chain: [pki.tcbSigning.der, pki.root.der] };
  const tcbInfoSigner = changes.tcbInfoSigner ?? goodSigner;
  const qeIdentitySigner = changes.qeIdentitySigner ?? goodSigner;
  const signText = (signer: TextSigner, text: string, by: ((good: Uint8Array) => Uint8Array) | undefined): string =>
    toHex(change<Uint8Array>(signRaw(signer.key, new TextEncoder().encode(text)), by));

  return change(
    {
      pck_crl_issuer_chain: pemChain([pki.intermediate.der, pki.root.der]),
      root_ca_crl: toHex(issueCrl(changes.rootCrl?.(goodRootCrl, pki) ?? goodRootCrl)),
      pck_crl: toHex(issueCrl(changes.pckCrl?.(goodPckCrl, pki) ?? goodPckCrl)),
      tcb_info_issuer_chain: pemChain(tcbInfoSigner.chain),
      tcb_info: tcbInfoText,
      tcb_info_signature: signText(tcbInfoSigner, tcbInfoText, changes.tcbInfoSignature),
      qe_identity_issuer_chain: pemChain(qeIdentitySigner.chain),
      qe_identity: qeIdentityText,
      qe_identity_signature: signText(qeIdentitySigner, qeIdentityText, changes.qeIdentitySignature),
    },
    changes.after,
  );
}

/** DER certificates as one PEM text. */
export function pemChain(chain: readonly Uint8Array[]): string {
  return chain.map((der) => encodePem('CERTIFICATE', der)).join('');
}
