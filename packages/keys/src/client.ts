/**
 * What the rest of the enclave uses of the key service: to start it, and to speak to it. None of its keys
 * or its code is loaded with this.
 *
 * @module
 */
export { HANDOVER_CHECKS, type HandoverCheckInfo } from './handover/checks.ts';
export { MAX_MESSAGE_BYTES as MAX_HANDOVER_BYTES } from './handover/message-size.ts';
export type { HandoverAnswer, HandoverExchange } from './handover/receive-app-root.ts';
export { isRetriable } from './handover/refusal.ts';
export {
  evidenceIn,
  HANDOVER_PATH,
  type RelayOptions,
  type RelayResponse,
  type RelaySend,
  relayHandover,
} from './handover/relay.ts';
export { holdSocket } from './process/hold-socket.ts';
export { inheritedDescriptors } from './process/inherited-descriptors.ts';
export type { KeydProgram } from './process/keyd-arguments.ts';
export type { ObtainedIsolation } from './process/obtained.ts';
export { KEYD_USER, type SpawnedKeyService, type SpawnKeydOptions, spawnKeyd } from './process/spawn-keyd.ts';
export type {
  Confirmation,
  GatewayAnswers,
  Instance,
  KeyService,
  SealedSecretReceipt,
} from './service.ts';
export { KEY_SOCKET, KEY_SOCKET_VARIABLE } from './wire.ts';
