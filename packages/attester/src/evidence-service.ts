/**
 * The only way to get evidence inside the enclave, with one typed request per purpose.
 *
 * Every report data is computed here from named fields, so no caller can have bytes of its own
 * choice quoted, and nobody can have a channel to a foreign key attested. It does no network I/O
 * and judges nothing: that is the relying party's work.
 *
 * @module
 */
import {
  type BootBinding,
  type ChannelBinding,
  documentDigest,
  type EvidenceBundle,
  type KeyStatement,
  type KeyStatements,
  keyStatementRoot,
  type Manifest,
  manifestDigest,
  sameBytes,
  toBase64Url,
  toHex,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import { collect } from './collect.ts';
import type { QuoteSource } from './quote-source.ts';

/** One TLS connection that a client wants attested. */
export interface ChannelRequest {
  /** The client's challenge, 32 bytes. */
  readonly nonce: Uint8Array;
  /** RFC 9266 `tls-exporter` of the connection, 32 bytes. */
  readonly exporter: Uint8Array;
  /** SHA-256 of the DER SubjectPublicKeyInfo of the leaf certificate on the connection, 32 bytes. */
  readonly leafSpki: Uint8Array;
}

export interface EvidenceService {
  /** What holds from boot to shutdown. Frozen. */
  readonly bootBinding: BootBinding;
  /** Evidence for the boot binding alone; it is not about a connection. */
  boot(): Promise<EvidenceBundle>;
  /**
   * Evidence for one connection to this enclave.
   *
   * @throws UsageError (`attester.length`, `attester.foreign-key`) without asking the hardware.
   */
  channel(request: ChannelRequest): Promise<EvidenceBundle>;
}

type State = NonNullable<ChannelBinding['state']>;

export interface EvidenceServiceOptions {
  readonly source: QuoteSource;
  /** What runs. It is copied: later changes by the caller have no effect. */
  readonly manifest: Manifest;
  /** SHA-256 of the DER SubjectPublicKeyInfo of the enclave's TLS key, 32 bytes. */
  readonly tlsSpki: Uint8Array;
  /** The sandbox that the server really got. */
  readonly sandbox: BootBinding['sandbox'];
  /** Cryptographically secure randomness. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** What a key service has to say; absent where there is none. */
  readonly keys?: AttestedKeys;
  /**
   * How far the sealed state has got: at least as far as anything whose effect has left. Asked for each channel. There
   * exactly where `keys` names an application root.
   */
  readonly state?: () => Promise<State>;
}

/** Keys that the boot binding commits to. Each is copied. */
export interface AttestedKeys {
  /** X25519, 32 bytes: where submitted secrets are encrypted to. */
  readonly hpkeKey?: Uint8Array;
  /** Ed25519, 32 bytes, of this boot. */
  readonly receiptKey?: Uint8Array;
  /** In the order of name and version; there exactly where the manifest names keys. */
  readonly statements?: readonly KeyStatement[];
  readonly appRoot?: BootBinding['appRoot'];
}

/** Makes the boot binding, once, and the service that speaks for it. */
export async function createEvidenceService(options: EvidenceServiceOptions): Promise<EvidenceService> {
  const { source } = options;
  const manifest = deepFreeze(structuredClone(options.manifest));
  const statements = attestedStatements(manifest, options.keys?.statements);
  const { state } = options;
  if ((state === undefined) !== (options.keys?.appRoot === undefined)) {
    throw new UsageError('attester.state', 'an application root and the state under it are attested together');
  }
  const bootBinding: BootBinding = deepFreeze({
    type: 'vitrine/boot-binding/v1',
    manifestDigest: await manifestDigest(manifest),
    manifestNumber: manifest.number,
    tlsSpki: toHex(exactly(32, options.tlsSpki, 'tlsSpki')),
    sandbox: { ...options.sandbox },
    ...(await attested(options.keys ?? {}, statements)),
    nonce: toBase64Url(exactly(32, options.randomBytes(32), 'the boot nonce')),
  });
  const tlsSpki = Uint8Array.from(options.tlsSpki);
  const bootDigest = await documentDigest(bootBinding);

  const bundle = async (binding: BootBinding | ChannelBinding): Promise<EvidenceBundle> => ({
    ...(await collect(source, binding)),
    manifest,
    boot: bootBinding,
    ...(binding.type === 'vitrine/channel-binding/v1' ? { channel: binding } : {}),
    ...(statements === undefined ? {} : { keyStatements: statements }),
  });

  return Object.freeze({
    bootBinding,
    boot: () => bundle(bootBinding),
    channel: async (request: ChannelRequest) => {
      const leafSpki = exactly(32, request.leafSpki, 'leafSpki');
      if (!sameBytes(leafSpki, tlsSpki)) {
        throw new UsageError(
          'attester.foreign-key',
          `the connection's leaf key ${toHex(leafSpki)} is not the key ${toHex(tlsSpki)} that was bound at boot; only connections under that key can be attested`,
        );
      }
      return bundle(
        Object.freeze({
          type: 'vitrine/channel-binding/v1',
          nonce: toBase64Url(exactly(32, request.nonce, 'nonce')),
          exporter: toBase64Url(exactly(32, request.exporter, 'exporter')),
          role: 'server',
          leafSpki: toHex(leafSpki),
          bootBinding: bootDigest,
          ...(state === undefined ? {} : { state: attestedState(await state()) }),
        }),
      );
    },
  });
}

async function attested(
  { hpkeKey, receiptKey, appRoot }: AttestedKeys,
  statements: KeyStatements | undefined,
): Promise<Partial<BootBinding>> {
  return {
    ...(hpkeKey === undefined ? {} : { hpkeKey: toBase64Url(exactly(32, hpkeKey, 'hpkeKey')) }),
    ...(receiptKey === undefined ? {} : { receiptKey: toBase64Url(exactly(32, receiptKey, 'receiptKey')) }),
    ...(statements === undefined ? {} : { keyStatements: await keyStatementRoot(statements.statements) }),
    ...(appRoot === undefined ? {} : { appRoot: structuredClone(appRoot) }),
  };
}

function attestedStatements(manifest: Manifest, given: readonly KeyStatement[] | undefined): KeyStatements | undefined {
  const named = Object.keys(manifest.keys ?? {}).toSorted();
  const stated = new Set((given ?? []).map(({ name }) => name));
  if (named.length !== stated.size || !named.every((name) => stated.has(name))) {
    throw new UsageError(
      'attester.key-statements',
      `the statements must be about the keys of the manifest, [${named.join(', ')}], and are about [${[...stated].join(', ')}]`,
    );
  }
  if (given === undefined || given.length === 0) return undefined;
  const isOrdered = given.every((one, index) => {
    const before = given[index - 1];
    return before === undefined || before.name < one.name || (before.name === one.name && before.version < one.version);
  });
  if (!isOrdered) {
    throw new UsageError('attester.key-statements', 'key statements must be in the order of name and version');
  }
  return deepFreeze(structuredClone({ type: 'vitrine/key-statements/v1', statements: given }));
}

function attestedState({ sequence, digest }: State): State {
  if (Number.isSafeInteger(sequence) && sequence >= 0 && /^[0-9a-f]{64}$/.test(digest)) return { sequence, digest };
  throw new VitrineError('attester.state', 'the state of the key service is no sequence and digest');
}

function exactly(length: number, bytes: Uint8Array, what: string): Uint8Array {
  if (bytes.length !== length) {
    throw new UsageError('attester.length', `${what} must be exactly ${length} bytes, found ${bytes.length}`);
  }
  return bytes;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
