/**
 * A software TEE with a visibly false root of trust. It protects nothing; evidence that it makes is
 * never more than `simulated`. Faults for tests are in `@vitrine/simulator/faults`.
 *
 * @module
 */

export { createKdsHandler } from './amd-kds-handler.ts';
export {
  type CocoGuestFault,
  type CocoGuestOptions,
  type CocoGuestServer,
  cocoRegisters,
  startCocoGuest,
} from './coco/guest-server.ts';
export { type KbsClaims, type KbsFault, type KbsServer, type KbsServerOptions, startKbs } from './coco/kbs-server.ts';
export { type CollateralService, createCollateralHandler } from './collateral-handler.ts';
export { type ConfigfsFaults, type EmulatedConfigfsOptions, emulatedConfigfs } from './configfs.ts';
export {
  type EmulatedTdxMachine,
  type EmulatedTdxOptions,
  openEmulatedTdxMachine,
} from './configfs-machine.ts';
export {
  type DstackAgentOptions,
  type DstackAgentServer,
  type DstackFault,
  startDstackAgent,
} from './dstack/agent-server.ts';
export { SIMULATOR_ROOT_NAME } from './pki.ts';
export type { Registers } from './registers.ts';
export { type EmulatedRegisters, emulatedRegisters, type TdRegister, type TdRegisterValues } from './rtmr.ts';
export {
  openSimulatedSnp,
  type SimulatedSnp,
  type SimulatedSnpGuest,
  type SnpLaunchOptions,
  type SnpRegisters,
  simulatedSnpReferenceValues,
} from './sev-guest.ts';
export {
  openSimulator,
  type SimulatedTd,
  type Simulator,
  type SimulatorOptions,
  simulatedReferenceValues,
} from './simulator.ts';
