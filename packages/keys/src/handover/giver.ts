/**
 * The giving side of a hand-over: challenges a receiver, judges its evidence, and encrypts the root to the key that
 * the evidence names. It runs within the key service, and nobody outside has a part in the decision.
 *
 * A receiver gets nothing before every check has passed; what a check does not know, it refuses. The root stays
 * here as well: a hand-over makes a copy.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { giverEvidence } from '@vitrine/attester';
import {
  type BootBinding,
  documentDigest,
  type EvidenceBundle,
  formatEvidenceBundle,
  fromBase64Url,
  type HandoverTerms,
  type KeyStatement,
  type Manifest,
  type Release,
} from '@vitrine/documents';
import { belowTcbFloor, type Claims, launchDifference, ownClaims } from '@vitrine/verifier';
import type { AppRoot } from '../app-root/app-root.ts';
import { admittedMeasurements } from '../app-root/release.ts';
import type { Platform } from '../keyd/platform.ts';
import { judgeRelease, requireRisingNumber, requireSameApplication } from './between-manifests.ts';
import { sealEnvelope } from './envelope.ts';
import {
  anchorsOf,
  judgePeer,
  type NamedManifest,
  named,
  type Peer,
  readEndorsements,
  requireLaunch,
} from './judge-peer.ts';
import {
  type GrantMessage,
  malformed,
  messageShapes,
  readJson,
  readMessage,
  type SessionMessage,
  typeOf,
} from './messages.ts';
import { busy, refuse } from './refusal.ts';
import { createSessions } from './sessions.ts';

/** A receiver as a deny-list sees it; all of it is authenticated. */
interface DenialSubject {
  readonly manifest: NamedManifest;
  readonly technology: Claims['technology'];
  readonly registers: Claims['registers'];
  readonly platform: Claims['platform'];
}

export interface GiverOptions {
  /** What runs here. */
  readonly manifest: Manifest;
  /** Of that manifest. */
  readonly terms: HandoverTerms;
  readonly platform: Pick<Platform, 'source' | 'isSimulated' | 'simulatorAnchors'>;
  readonly root: Pick<AppRoot, 'id' | 'lend'>;
  /** This boot, as it is attested to everybody. */
  readonly boot: { readonly bootBinding: BootBinding; boot(): Promise<EvidenceBundle> };
  /** Those that the boot binding commits to. */
  readonly statements: readonly KeyStatement[];
  /** Why a receiver must not have the root; `undefined` where nothing is against it. */
  readonly denied?: (receiver: DenialSubject) => string | undefined;
  readonly now: () => Date;
  /** Milliseconds on a clock that is never set. */
  readonly monotonic: () => number;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
}

/** Both throw UsageError with a code of `HANDOVER_CHECKS` or `handover.malformed`, and VitrineError `busy`. */
export interface Giver {
  /** Answers `vitrine/handover-begin/v1`. */
  begin(message: unknown): SessionMessage;
  /**
   * Answers `vitrine/handover-request/v1`.
   *
   * @param endorsements - What was fetched for the evidence in it.
   */
  request(message: unknown, endorsements?: unknown): Promise<GrantMessage>;
  /** Answers the text of either. */
  answer(message: string, endorsements?: unknown): Promise<string>;
}

/** Verifications at the same time: each takes some milliseconds of the only thread. */
const MAX_RUNNING = 2;

export function createGiver(options: GiverOptions): Giver {
  const { manifest, platform, root, boot, randomBytes } = options;
  const sessions = createSessions(options);
  let running = 0;
  let own: Promise<Claims> | undefined;

  /** Its own launch does not change while it runs, so it is asked for once. */
  const ownLaunch = (endorsements: unknown): Promise<Claims> => {
    own ??= claimsOf(options, endorsements);
    own.catch(() => {
      own = undefined;
    });
    return own;
  };

  const give = async (message: unknown, endorsements: unknown): Promise<GrantMessage> => {
    const request = readMessage(messageShapes.request, message);
    const session = sessions.take(request.session);
    const peer = await judgePeer(request.evidence, 'receiver', platform, options.now(), endorsements);
    if (peer.handover.nonce !== session.peerNonce || peer.handover.peerNonce !== session.nonce) {
      throw refuse('handover.fresh', 'the evidence answers another challenge than that of this session');
    }
    const release = await judgeManifest(options, peer, request.release);
    const launch = await ownLaunch(endorsements);
    const images = release === undefined ? undefined : admittedMeasurements(release);
    requireLaunch(launchDifference(peer.claims, launch, images), 'receiver');
    await judgeMachine(options, peer);

    const recipient = fromBase64Url(peer.handover.key);
    if (recipient === undefined) throw refuse('handover.binding', "the receiver's key is malformed");
    const receiver = await documentDigest(peer.handover);
    const signing = randomBytes(32);
    try {
      const evidence = await giverEvidence({
        source: platform.source,
        manifest,
        bootBinding: boot.bootBinding,
        statements: options.statements,
        nonce: fromBase64Url(session.nonce) ?? new Uint8Array(),
        peerNonce: fromBase64Url(session.peerNonce) ?? new Uint8Array(),
        key: ed25519.getPublicKey(signing),
        receiver,
      });
      const giver = await documentDigest(evidence.handover);
      const header = { giver, receiver, appRoot: root.id };
      const envelope = await root.lend((secret) => sealEnvelope(secret, header, recipient, signing));
      return { type: 'vitrine/handover-grant/v1', evidence: formatEvidenceBundle(evidence), envelope };
    } finally {
      signing.fill(0);
    }
  };

  const giver: Giver = {
    begin: (message) => {
      const { nonce } = readMessage(messageShapes.begin, message);
      return { type: 'vitrine/handover-session/v1', ...sessions.open(nonce) };
    },
    request: async (message, endorsements) => {
      if (running >= MAX_RUNNING) throw busy(`${running} hand-overs are judged at the moment`);
      running++;
      try {
        return await give(message, endorsements);
      } finally {
        running--;
      }
    },
    answer: async (text, endorsements) => {
      const message = readJson(text);
      switch (typeOf(message)) {
        case 'vitrine/handover-begin/v1':
          return JSON.stringify(giver.begin(message));
        case 'vitrine/handover-request/v1':
          return JSON.stringify(await giver.request(message, endorsements));
        default:
          throw malformed('its type is not one that a giver answers');
      }
    },
  };
  return Object.freeze(giver);
}

/** @returns The release, where the manifests differ. */
async function judgeManifest(
  { manifest, terms }: GiverOptions,
  { manifest: receiver }: Peer,
  release: Release | undefined,
): Promise<Release | undefined> {
  const own = await named(manifest);
  requireSameApplication(own, receiver);
  requireRisingNumber(own, receiver);
  const kind = receiver.digest === own.digest ? 'equal' : 'release';
  if (!terms.to.includes(kind)) {
    throw refuse('handover.manifest', `the giver's manifest hands over to ${terms.to.join(' and ')}, not to ${kind}`);
  }
  return judgeRelease({
    check: 'handover.manifest',
    from: own,
    to: receiver,
    policy: manifest.upgrade,
    release,
  });
}

async function judgeMachine({ terms, denied }: GiverOptions, peer: Peer): Promise<void> {
  const { claims, bundle, manifest } = peer;
  const names = machineNames(claims);
  if (terms.platforms !== 'any' && !terms.platforms.some((one) => names.includes(one))) {
    throw refuse(
      'handover.platform',
      `the receiver's machine is ${names.join(' or ') || 'without a name'}, and the giver's manifest lists others`,
    );
  }
  const below = await belowTcbFloor(bundle, claims, terms.tcb, peer.verified);
  if (below !== undefined) {
    throw refuse('handover.tcb', `the receiver's firmware has ${below.actual}, and ${below.expected} is demanded`);
  }
  const { technology, registers, platform } = claims;
  const why = denied?.({ manifest, technology, registers, platform });
  if (why !== undefined) throw refuse('handover.denied', `the receiver is denied: ${why}`);
}

/** PPID and platform instance id of Intel, CHIP_ID of AMD: of one machine each, and from a vendor's certificate. */
function machineNames({ platform }: Claims): readonly string[] {
  return ['ppid', 'platformInstanceId', 'chipId'].flatMap((name) => {
    const value = platform[name]?.toLowerCase();
    return value === undefined || value === '' ? [] : [value];
  });
}

async function claimsOf({ boot, platform, now }: GiverOptions, endorsements: unknown): Promise<Claims> {
  const claims = await ownClaims(await boot.boot(), {
    now: now(),
    endorsements: readEndorsements(endorsements),
    simulatorAnchors: anchorsOf(platform),
  });
  if (claims !== undefined) return claims;
  throw refuse('handover.endorsements', 'the giver cannot authenticate its own evidence, so it cannot compare with it');
}
