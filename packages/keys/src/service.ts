/**
 * The key service as the rest of the enclave sees it: evidence for connections, and what the gateway needs
 * for its servers. Nothing here takes bytes to be signed with a key of the manifest, or gives such a key.
 *
 * @module
 */
import type { Socket } from 'node:net';
import type { EvidenceService } from '@vitrine/attester';
import type { BootBinding, KeyStatement } from '@vitrine/documents';

/** A server process, as the gateway that started it knows it. */
export interface Instance {
  /** Names the process for this boot; never used twice. */
  readonly id: string;
  readonly principal: string;
  /** Whether it serves this principal alone. */
  readonly isolated: boolean;
}

/** What the key service asks the gateway about an instance, while a request of that instance waits. */
export interface GatewayAnswers {
  /** Names of the tools whose calls are running in the instance; empty where none is. */
  runningTools(instance: string): readonly string[];
  /**
   * Asks the user of the instance a yes-or-no question through MCP elicitation, in the course of a running
   * call. Never rejects.
   */
  confirm(instance: string, question: string, signal: AbortSignal): Promise<Confirmation>;
}

/** `unavailable`: no call is running, or the client cannot be asked. */
export type Confirmation = 'accepted' | 'declined' | 'unavailable';

/** A secret on its way in, as `vitrine secrets seal` makes it; judged by the key service alone. */
export interface SealedSecretReceipt {
  readonly name: string;
  readonly version: number;
}

export interface KeyService {
  /** What the enclave says of its keys; empty where the manifest names none. */
  readonly statements: readonly KeyStatement[];
  /** Completes the boot binding, once, and gives evidence from then on. */
  bind(what: { readonly tlsSpki: Uint8Array; readonly sandbox: BootBinding['sandbox'] }): Promise<EvidenceService>;
  /** Who answers questions about instances. Set before the first instance is admitted. */
  attend(gateway: GatewayAnswers): void;
  /**
   * Hands a server's socket to the key service, which from then on is alone at its other end. What the
   * server wrote already is not lost, if nobody has read from the socket.
   */
  admit(instance: Instance, socket: Socket): Promise<void>;
  /** The instance has ended. */
  dismiss(instance: string): void;
  /** 32 bytes for an encrypted volume, the same after a restart where there is an AppRoot. */
  volumeKey(volume: string): Promise<Uint8Array>;
  /** Whether {@link volumeKey} gives the same after a restart. */
  readonly survivesRestart: boolean;
  /** The value of a credential of the manifest for the egress proxy; `undefined` while none was handed in. */
  credential(name: string): Promise<string | undefined>;
  /**
   * Takes a sealed secret.
   *
   * @throws UsageError for one that is malformed, of a wrong owner, old, or for another manifest.
   */
  acceptSecret(sealed: unknown): Promise<SealedSecretReceipt>;
  /**
   * Wraps the root anew while everything runs, with a fresh salt and what its sources give now: after a secret of
   * the platform was changed, or as a matter of routine. Nothing that is derived changes.
   *
   * @throws UsageError `keys.no-root` where nothing lasts; where it fails, what was there is kept.
   */
  rewrap(): Promise<void>;
  /** Hands the root over; there exactly where the manifest has terms for it and there is one. */
  readonly handover?: {
    /**
     * Answers a message of another enclave's key service.
     *
     * @param endorsements - What was fetched for the evidence in it, as `vitrine/endorsements/v1`.
     * @throws UsageError with the identifier of the check that refuses; VitrineError `busy`.
     */
    answer(message: string, endorsements?: unknown): Promise<string>;
  };
  /** Signs a receipt payload with the instance's receipt key: compact JWS, EdDSA, `typ` `vitrine-receipt+jwt`. */
  signReceipt(payload: Readonly<Record<string, unknown>>): Promise<string>;
  /** Resolves when the service has ended by itself, with the reason; otherwise it never settles. */
  readonly failed: Promise<Error>;
  /** Ends it. Idempotent. */
  close(): Promise<void>;
}
