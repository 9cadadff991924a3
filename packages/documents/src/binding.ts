/**
 * Bindings: what the 64 bytes of report data in hardware evidence commit to.
 *
 * `reportData = SHA-512("vitrine/report-data/v1" ‖ 0x00 ‖ LP(kind) ‖ JCS(binding))`, where LP is a
 * big-endian 16-bit length before the bytes. The kind keeps evidence made for one purpose from
 * being shown for another. Test vectors: `vectors/report-data.json`.
 *
 * @module
 */
import { digest } from '#digest';
import { canonicalBytes } from './canonical.ts';
import { concatBytes } from './encoding.ts';
import { base64Url, hex, type Infer, integer, list, object, oneOf, optional, type Shape, text } from './shape.ts';

/** Where a part of the secret comes from that wraps the root, and who else can get it. */
const rootSource = object({
  kind: text('a kind of source', /^[a-z][a-z0-9-]*$/),
  boundTo: text('what the secret depends on'),
  derivableBy: list(text('who else can derive it'), 0),
  survivesUpgrade: oneOf(true, false),
  sharedByReplicas: oneOf(true, false),
});

const bootShape = object({
  type: oneOf('vitrine/boot-binding/v1'),
  /** SHA-384 of the manifest's canonical bytes. */
  manifestDigest: hex(48),
  manifestNumber: integer(1),
  /** SHA-256 of the DER SubjectPublicKeyInfo of the TLS key, which was made inside at this boot. */
  tlsSpki: hex(32),
  /** What really surrounds the server. */
  sandbox: object({
    /** `bwrap`: namespaces of its own; `none`: an ordinary process. */
    process: oneOf('bwrap', 'none'),
    /** Whether its system calls are filtered. */
    seccomp: oneOf(true, false),
    /** Whether the kernel limits its memory and processes. */
    cgroup: oneOf(true, false),
    /** Where its files are: in the clear on a disk, in memory, or encrypted on a disk. */
    volume: oneOf('directory', 'ephemeral', 'encrypted'),
  }),
  /** Where submitted secrets are encrypted to: DHKEM(X25519, HKDF-SHA256), made at this boot. There with `appRoot`. */
  hpkeKey: optional(base64Url(32)),
  /** Ed25519 key of this boot for statements about single calls. */
  receiptKey: optional(base64Url(32)),
  /** Root over all key statements, see `key-statement.ts`. There exactly where the manifest names keys. */
  keyStatements: optional(hex(32)),
  /** The random root that service keys are derived from; there exactly where something is. */
  appRoot: optional(
    object({
      /** Names the root and tells nothing of it. */
      id: hex(32),
      /** What wraps it. All of them are needed together. */
      sources: list(rootSource),
      /** Whether a restored older copy of the state, or a second live one, would be noticed. */
      copies: oneOf('unbounded', 'anchored'),
      /** Who remembers how far the state has got; there exactly where `copies` is `anchored`. */
      anchor: optional(
        object({
          kind: text('a kind of anchor', /^[a-z][a-z0-9-]*$/),
          /** Who can make it forget. */
          rolledBackBy: list(text('who can put it back'), 0),
        }),
      ),
    }),
  ),
  /** Fresh at every boot, so no two boots have the same binding. */
  nonce: base64Url(32),
});

const channelShape = object({
  type: oneOf('vitrine/channel-binding/v1'),
  /** The client's challenge. */
  nonce: base64Url(32),
  /** RFC 9266 `tls-exporter`: `exportKeyingMaterial(32, "EXPORTER-Channel-Binding")` of this connection. */
  exporter: base64Url(32),
  /** Who is speaking: evidence of one side cannot be reflected as that of the other. */
  role: oneOf('server'),
  /** SHA-256 of the DER SubjectPublicKeyInfo of the leaf certificate on this connection. */
  leafSpki: hex(32),
  /** SHA-384 of the boot binding's canonical bytes. */
  bootBinding: hex(48),
  /** How far the sealed state has got; there exactly where the boot binding names an application root. */
  state: optional(object({ sequence: integer(0), digest: hex(32) })),
});

const handoverShape = object({
  type: oneOf('vitrine/handover-binding/v1'),
  /** Who is speaking: what one side said cannot be shown as the other's. */
  role: oneOf('giver', 'receiver'),
  /** This side's challenge to the other. */
  nonce: base64Url(32),
  /** The other side's challenge, answered. */
  peerNonce: base64Url(32),
  /** Made for this hand-over. Receiver: X25519, what the root is encrypted to. Giver: Ed25519, what signs the envelope. */
  key: base64Url(32),
  /** SHA-384 of this side's boot binding's canonical bytes. */
  bootBinding: hex(48),
  /** SHA-384 of the receiver's hand-over binding's canonical bytes; there exactly for the giver. */
  receiver: optional(hex(48)),
});

/** What holds from boot to shutdown. Immutable. */
export type BootBinding = Infer<typeof bootShape>;
/** What holds for one TLS connection. */
export type ChannelBinding = Infer<typeof channelShape>;
/** What holds for one hand-over of an application root. */
export type HandoverBinding = Infer<typeof handoverShape>;
export type RootSource = Infer<typeof rootSource>;
export const handoverBindingShape: Shape<HandoverBinding> = handoverShape;
export const bootBindingShape: Shape<BootBinding> = bootShape;
export const channelBindingShape: Shape<ChannelBinding> = channelShape;

const DOMAIN = new TextEncoder().encode('vitrine/report-data/v1');

const KINDS = {
  'vitrine/boot-binding/v1': 'boot',
  'vitrine/channel-binding/v1': 'channel',
  'vitrine/handover-binding/v1': 'handover',
} as const;

/** The 64 bytes of report data that stand for `binding`. The kind follows from the binding's type. */
export async function reportData(
  binding: BootBinding | ChannelBinding | HandoverBinding,
): Promise<Uint8Array<ArrayBuffer>> {
  const kind = new TextEncoder().encode(KINDS[binding.type]);
  const length = Uint8Array.of(kind.length >> 8, kind.length & 0xff);
  return digest('SHA-512', concatBytes(DOMAIN, Uint8Array.of(0), length, kind, canonicalBytes(binding)));
}
