/**
 * A giver that grants whatever it is asked for, with genuine evidence: what an operator could run in a TEE of his own
 * to have an honest receiver take a root that he knows.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { giverEvidence } from '@vitrine/attester';
import {
  type BootBinding,
  documentDigest,
  formatEvidenceBundle,
  fromBase64Url,
  type HandoverBinding,
  type Manifest,
  manifestDigest,
  parseEvidenceBundle,
  toBase64Url,
} from '@vitrine/documents';
import { appRootId } from '../../app-root/app-root.ts';
import { type EnvelopeHeader, sealEnvelope } from '../envelope.ts';
import type { GrantMessage, RequestMessage } from '../messages.ts';
import type { Receiver } from '../receiver.ts';
import { type EnclaveFaults, platformFor } from './enclaves.ts';

export interface Craft {
  readonly manifest: Manifest;
  readonly faults?: EnclaveFaults;
  /** Stated in the boot binding in place of the root's. */
  readonly statedId?: string;
  readonly bootBinding?: Partial<BootBinding>;
  /** In place of the receiver's. */
  readonly receiver?: string;
  readonly nonce?: Uint8Array;
  readonly peerNonce?: Uint8Array;
  readonly header?: Partial<EnvelopeHeader>;
  /** Signs in place of the key in the evidence. */
  readonly signing?: Uint8Array;
  /** Encrypted to in place of the receiver's key. */
  readonly recipient?: Uint8Array<ArrayBuffer>;
  /** Changes the grant on its way. */
  readonly after?: (good: GrantMessage, request: RequestMessage) => unknown;
}

/** The root that it gives. */
export const KNOWN_ROOT: Uint8Array<ArrayBuffer> = new Uint8Array(32).fill(0x33);

/** Runs the whole exchange with `receiver`. */
export async function takeFrom(craft: Craft, receiver: Receiver, endorsements?: unknown): Promise<string> {
  receiver.begin();
  const challenge = new Uint8Array(32).fill(5);
  const request = await receiver.request({
    type: 'vitrine/handover-session/v1',
    session: toBase64Url(new Uint8Array(32)),
    nonce: toBase64Url(challenge),
  });
  const grant = await craftGrant(craft, request, challenge);
  const { id } = await receiver.accept(craft.after === undefined ? grant : craft.after(grant, request), endorsements);
  return id;
}

async function craftGrant(craft: Craft, request: RequestMessage, challenge: Uint8Array): Promise<GrantMessage> {
  const { manifest } = craft;
  const { source } = await platformFor(manifest, craft.faults);
  const asked = parseEvidenceBundle(request.evidence).handover as HandoverBinding;
  const receiver = craft.receiver ?? (await documentDigest(asked));
  const own = new Uint8Array(32).fill(0x44);
  const id = appRootId(KNOWN_ROOT);
  const bootBinding: BootBinding = {
    type: 'vitrine/boot-binding/v1',
    manifestDigest: await manifestDigest(manifest),
    manifestNumber: manifest.number,
    tlsSpki: '1'.repeat(64),
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    hpkeKey: toBase64Url(new Uint8Array(32)),
    appRoot: {
      id: craft.statedId ?? id,
      sources: [{ kind: 'test', boundTo: 'nothing', derivableBy: [], survivesUpgrade: true, sharedByReplicas: true }],
      copies: 'unbounded',
    },
    nonce: toBase64Url(new Uint8Array(32)),
    ...craft.bootBinding,
  };
  const evidence = await giverEvidence({
    source,
    manifest,
    bootBinding,
    statements: [],
    nonce: craft.nonce ?? challenge,
    peerNonce: craft.peerNonce ?? bytes(asked.nonce),
    key: ed25519.getPublicKey(own),
    receiver,
  });
  const envelope = await sealEnvelope(
    KNOWN_ROOT,
    { giver: await documentDigest(evidence.handover), receiver, appRoot: craft.statedId ?? id, ...craft.header },
    craft.recipient ?? bytes(asked.key),
    craft.signing ?? own,
  );
  return { type: 'vitrine/handover-grant/v1', evidence: formatEvidenceBundle(evidence), envelope };
}

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  return fromBase64Url(base64url) ?? new Uint8Array();
}
