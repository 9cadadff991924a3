/**
 * A software TEE with a visibly false root of trust. It protects nothing; evidence that it makes is
 * never more than `simulated`. Faults for tests are in `@vitrine/simulator/faults`.
 *
 * @module
 */
export { type CollateralService, createCollateralHandler } from './collateral-handler.ts';
export { SIMULATOR_ROOT_NAME } from './pki.ts';
export type { Registers } from './registers.ts';
export {
  openSimulator,
  type SimulatedTd,
  type Simulator,
  type SimulatorOptions,
  simulatedReferenceValues,
} from './simulator.ts';
