/**
 * Which registers a pin keeps, by technology: those that the verifier compares with reference values.
 *
 * Evidence without a launch document, and that of Confidential Containers, is pinned with all of them. A guest of
 * dstack extends its own name into RTMR3, so there the launch document stands in its place: the verifier replays
 * the event log to RTMR3 and finds the document's digest in it.
 *
 * @module
 */
import { COMPARED_REGISTERS, type TechnologyName } from '@vitrine/verifier';

/** SGX enclaves and Nitro enclaves are verified, and nothing that Vitrine hosts runs in one yet. */
export const PINNED_TECHNOLOGIES = ['tdx', 'snp', 'tpm'] as const satisfies readonly TechnologyName[];
export type PinnedTechnology = (typeof PINNED_TECHNOLOGIES)[number];

interface PinnedRegisters {
  /** Evidence has to have them. */
  readonly required: readonly string[];
  /** Kept where they are not zero; where a pin has none, they have to be zero. */
  readonly mayBeZero: readonly string[];
  /** Kept where evidence has them; where a pin has none, they are not compared. */
  readonly mayBeAbsent: readonly string[];
}

/** Differs for each instance that is started by a document of the kind {@link INSTANCE_LAUNCH}. */
export const OWN_REGISTER = 'rtmr3';
export const INSTANCE_LAUNCH = 'app-compose';

export function isPinned(technology: TechnologyName): technology is PinnedTechnology {
  return (PINNED_TECHNOLOGIES as readonly string[]).includes(technology);
}

/**
 * @param launch - The kind of the launch document; none where there is no document.
 */
export function registersOf(technology: PinnedTechnology, launch: string | undefined): PinnedRegisters {
  const { order, zero, optional } = COMPARED_REGISTERS[technology];
  const ofInstance = technology === 'tdx' && launch === INSTANCE_LAUNCH ? [OWN_REGISTER] : [];
  const others = [...zero, ...optional, ...ofInstance];
  return { required: order.filter((name) => !others.includes(name)), mayBeZero: zero, mayBeAbsent: optional };
}
