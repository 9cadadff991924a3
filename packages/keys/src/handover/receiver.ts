/**
 * The receiving side of a hand-over: asks a running enclave of the same application for its root.
 *
 * A root is as secret as the enclave that it comes from, so the receiver judges the giver as strictly as it is
 * judged. Otherwise an operator could have this enclave, whose evidence is good, use a root that he knows.
 *
 * @module
 */
import { x25519 } from '@noble/curves/ed25519.js';
import { receiverEvidence } from '@vitrine/attester';
import {
  documentDigest,
  type EvidenceBundle,
  formatEvidenceBundle,
  fromBase64Url,
  type Manifest,
  type Release,
  toBase64Url,
  type UpgradePolicy,
  VitrineError,
} from '@vitrine/documents';
import { launchDifference, ownClaims } from '@vitrine/verifier';
import { appRootId } from '../app-root/app-root.ts';
import { readRelease } from '../app-root/release.ts';
import type { Platform } from '../keyd/platform.ts';
import { judgeRelease, requireRisingNumber, requireSameApplication } from './between-manifests.ts';
import { openEnvelope } from './envelope.ts';
import { anchorsOf, judgePeer, named, type Peer, readEndorsements, requireLaunch } from './judge-peer.ts';
import { type BeginMessage, messageShapes, type RequestMessage, readMessage } from './messages.ts';
import { refuse } from './refusal.ts';

export interface ReceiverOptions {
  /** What runs here. */
  readonly manifest: Manifest;
  readonly platform: Pick<Platform, 'source' | 'isSimulated' | 'simulatorAnchors'>;
  /** Leads from the giver's manifest to this one; absent where they are equal. */
  readonly release?: unknown;
  /** Identifier of the root that is wanted, 64 lower-case hexadecimal digits; absent: any that the checks admit. */
  readonly expectAppRoot?: string;
  readonly now: () => Date;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
}

/** One attempt. Its steps are taken once each, in this order. */
export interface Receiver {
  begin(): BeginMessage;
  /** @param answer - What the giver said to {@link Receiver.begin}. */
  request(answer: unknown): Promise<RequestMessage>;
  /**
   * The root. The caller overwrites it.
   *
   * @param answer - What the giver said to {@link Receiver.request}.
   * @param endorsements - What was fetched for the evidence in it.
   * @throws UsageError with a code of `HANDOVER_CHECKS`, or `handover.malformed`.
   */
  accept(
    answer: unknown,
    endorsements?: unknown,
  ): Promise<{ readonly id: string; readonly root: Uint8Array<ArrayBuffer> }>;
}

interface Requested {
  readonly bundle: EvidenceBundle;
  /** SHA-384 of the hand-over binding in it. */
  readonly digest: string;
  readonly peerNonce: string;
}

export function createReceiver(options: ReceiverOptions): Receiver {
  const { manifest, platform, randomBytes } = options;
  const release = options.release === undefined ? undefined : readRelease(options.release);
  const nonce = randomBytes(32);
  const privateKey = randomBytes(32);
  let state: 'new' | 'begun' | Requested | 'done' = 'new';

  return Object.freeze({
    begin: () => {
      if (state !== 'new') throw outOfOrder();
      state = 'begun';
      return { type: 'vitrine/handover-begin/v1', nonce: toBase64Url(nonce) } as const;
    },
    request: async (answer: unknown) => {
      if (state !== 'begun') throw outOfOrder();
      const { session, nonce: peerNonce } = readMessage(messageShapes.session, answer);
      const bundle = await receiverEvidence({
        source: platform.source,
        manifest,
        nonce,
        peerNonce: fromBase64Url(peerNonce) ?? new Uint8Array(),
        key: x25519.getPublicKey(privateKey),
        randomBytes,
      });
      state = { bundle, digest: await documentDigest(bundle.handover), peerNonce };
      return {
        type: 'vitrine/handover-request/v1',
        session,
        evidence: formatEvidenceBundle(bundle),
        ...(release === undefined ? {} : { release }),
      } as const;
    },
    accept: async (answer: unknown, endorsements?: unknown) => {
      if (typeof state === 'string') throw outOfOrder();
      const requested = state;
      state = 'done';
      try {
        const { evidence, envelope } = readMessage(messageShapes.grant, answer);
        const peer = await judgePeer(evidence, 'giver', platform, options.now(), endorsements);
        const { handover } = peer;
        if (handover.peerNonce !== toBase64Url(nonce) || handover.nonce !== requested.peerNonce) {
          throw refuse('handover.fresh', 'the grant answers another challenge than that of this request');
        }
        if (handover.receiver !== requested.digest) {
          throw refuse('handover.binding', 'the giver has granted another request than this');
        }
        await judgeGiver(options, peer, requested, release, endorsements);
        const wanted = peer.bundle.boot.appRoot?.id;
        if (options.expectAppRoot !== undefined && wanted !== options.expectAppRoot) {
          throw refuse(
            'handover.root',
            `the giver has the root ${wanted ?? 'none'}, and ${options.expectAppRoot} is expected`,
          );
        }
        const header = { giver: await documentDigest(handover), receiver: requested.digest };
        if (envelope.giver !== header.giver || envelope.receiver !== header.receiver) {
          throw refuse('handover.envelope', 'it was made for another hand-over');
        }
        const signer = fromBase64Url(handover.key) ?? new Uint8Array();
        const root = await openEnvelope(envelope, privateKey, signer);
        const id = appRootId(root);
        if (id !== wanted || envelope.appRoot !== wanted) {
          root.fill(0);
          throw refuse('handover.root', `the root that came is ${id}, and that of the giver is ${wanted ?? 'none'}`);
        }
        return { id, root };
      } finally {
        privateKey.fill(0);
      }
    },
  });
}

/** Whether a root that this enclave has is one that this receiver may use. */
async function judgeGiver(
  options: ReceiverOptions,
  peer: Peer,
  requested: Requested,
  release: Release | undefined,
  endorsements: unknown,
): Promise<void> {
  const { manifest } = options;
  const own = await named(manifest);
  const giver = peer.manifest;
  requireSameApplication(giver, own);
  requireRisingNumber(giver, own);
  const terms = peer.bundle.manifest.handover;
  const kind = giver.digest === own.digest ? 'equal' : 'release';
  if (terms?.to.includes(kind) !== true) {
    throw refuse('handover.giver', `the giver's manifest has no terms to hand its root over to ${kind}`);
  }
  const between = { check: 'handover.giver', from: giver, to: own, release } as const;
  const admitted = await judgeRelease({ ...between, policy: peer.bundle.manifest.upgrade });
  // The giver's manifest names whatever keys it likes. Those of this manifest are the ones that users have accepted.
  if (admitted !== undefined) await judgeRelease({ ...between, policy: signersOnly(manifest.upgrade) });
  const launch = await ownClaims(requested.bundle, {
    role: 'receiver',
    now: options.now(),
    endorsements: readEndorsements(endorsements),
    simulatorAnchors: anchorsOf(options.platform),
  });
  if (launch === undefined) {
    throw refuse('handover.endorsements', 'the receiver cannot authenticate its own evidence to compare with it');
  }
  requireLaunch(launchDifference(peer.claims, launch, admitted?.from.measurements), 'giver');
}

/** The delay is for the giver to keep: it protects what is there already. */
function signersOnly(policy: UpgradePolicy | undefined): UpgradePolicy | undefined {
  if (policy?.kind !== 'signed') return policy;
  return { kind: 'signed', keys: policy.keys, threshold: policy.threshold };
}

function outOfOrder(): VitrineError {
  return new VitrineError('handover.order', 'the steps of a hand-over are taken once each, in their order');
}
