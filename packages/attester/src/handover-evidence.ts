/**
 * Evidence that one enclave makes for another, of which it gets an application root or to which it gives one.
 *
 * As for connections, every report data is computed here from typed fields. A receiver has no root yet, so it has
 * no keys to speak of and serves nobody: its boot binding is made for this one hand-over, commits to the manifest,
 * and names as TLS key the X25519 key of the hand-over, under which no connection can ever be. So it can be shown
 * for nothing else.
 *
 * @module
 */
import {
  type BootBinding,
  documentDigest,
  type EvidenceBundle,
  type HandoverBinding,
  handoverSpki,
  type KeyStatement,
  type Manifest,
  manifestDigest,
  toBase64Url,
  UsageError,
} from '@vitrine/documents';
import { collect } from './collect.ts';
import type { QuoteSource } from './quote-source.ts';

/** A bundle about a hand-over. */
export type HandoverEvidence = EvidenceBundle & { readonly handover: HandoverBinding };

interface Challenges {
  readonly source: QuoteSource;
  readonly manifest: Manifest;
  /** This side's, 32 bytes. */
  readonly nonce: Uint8Array;
  /** The other side's, 32 bytes. */
  readonly peerNonce: Uint8Array;
  /** Made for this hand-over, 32 bytes. Receiver: X25519. Giver: Ed25519. */
  readonly key: Uint8Array;
}

export interface ReceiverEvidenceOptions extends Challenges {
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
}

export interface GiverEvidenceOptions extends Challenges {
  /** Of this boot, as it is attested to everybody. */
  readonly bootBinding: BootBinding;
  /** The statements that it commits to. */
  readonly statements: readonly KeyStatement[];
  /** SHA-384 of the receiver's hand-over binding, 96 lower-case hexadecimal digits. */
  readonly receiver: string;
}

/** Evidence of one who wants a root. */
export async function receiverEvidence(options: ReceiverEvidenceOptions): Promise<HandoverEvidence> {
  const { source, manifest, key, randomBytes } = options;
  const boot: BootBinding = {
    type: 'vitrine/boot-binding/v1',
    manifestDigest: await manifestDigest(manifest),
    manifestNumber: manifest.number,
    tlsSpki: await handoverSpki(exactly(32, key, 'the key')),
    // No server runs before there is a root; what its manifest demands is enforced when one starts.
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    nonce: toBase64Url(exactly(32, randomBytes(32), 'the boot nonce')),
  };
  const handover: HandoverBinding = {
    type: 'vitrine/handover-binding/v1',
    role: 'receiver',
    ...(await common(options, boot)),
  };
  return { ...(await collect(source, handover)), manifest, boot, handover };
}

/** Evidence of one who gives a root, about exactly one request. */
export async function giverEvidence(options: GiverEvidenceOptions): Promise<HandoverEvidence> {
  const { source, manifest, bootBinding, statements, receiver } = options;
  const handover: HandoverBinding = {
    type: 'vitrine/handover-binding/v1',
    role: 'giver',
    ...(await common(options, bootBinding)),
    receiver,
  };
  return {
    ...(await collect(source, handover)),
    manifest,
    boot: bootBinding,
    handover,
    ...(statements.length === 0 ? {} : { keyStatements: { type: 'vitrine/key-statements/v1', statements } }),
  };
}

async function common(
  { nonce, peerNonce, key }: Challenges,
  boot: BootBinding,
): Promise<Pick<HandoverBinding, 'nonce' | 'peerNonce' | 'key' | 'bootBinding'>> {
  return {
    nonce: toBase64Url(exactly(32, nonce, 'nonce')),
    peerNonce: toBase64Url(exactly(32, peerNonce, 'peerNonce')),
    key: toBase64Url(exactly(32, key, 'key')),
    bootBinding: await documentDigest(boot),
  };
}

function exactly(length: number, bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length === length) return bytes;
  throw new UsageError('attester.length', `${what} must be exactly ${length} bytes, found ${bytes.length}`);
}
