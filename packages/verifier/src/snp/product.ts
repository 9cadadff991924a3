/**
 * AMD's processor families with SEV-SNP: how a report and a certificate name them, and what their
 * TCB versions consist of.
 *
 * Families and models: AMD's Processor Programming References; TCB_VERSION: SEV-SNP Firmware ABI
 * Specification (AMD 56860), "TCB Version"; the parts of a certificate: VCEK Certificate and KDS
 * Interface Specification (AMD 57230), "Certificate Format".
 *
 * @module
 */

/** What has a root of its own. Bergamo and Siena stand under the root of Genoa. */
export type SnpProduct = 'Milan' | 'Genoa' | 'Turin';
/** What has TCB numbers of its own: `Bergamo` is also Siena, whose microcode is counted apart from Genoa's. */
export type SnpProcessor = SnpProduct | 'Bergamo';

/** Family, model and stepping as CPUID gives them, extended values included. */
export interface Cpuid {
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
}

interface Models {
  readonly processor: SnpProcessor;
  readonly product: SnpProduct;
  readonly family: number;
  readonly first: number;
  readonly last: number;
}

const MODELS: readonly Models[] = [
  { processor: 'Milan', product: 'Milan', family: 0x19, first: 0x00, last: 0x0f },
  { processor: 'Genoa', product: 'Genoa', family: 0x19, first: 0x10, last: 0x1f },
  { processor: 'Bergamo', product: 'Genoa', family: 0x19, first: 0xa0, last: 0xaf },
  { processor: 'Turin', product: 'Turin', family: 0x1a, first: 0x00, last: 0x11 },
];

export const SNP_PRODUCTS: readonly SnpProduct[] = ['Milan', 'Genoa', 'Turin'];

/** `undefined` for a processor that this release does not know. */
export function processorOf({ family, model }: Cpuid): Models | undefined {
  return MODELS.find((one) => one.family === family && one.first <= model && model <= one.last);
}

export type TcbPart = 'fmc' | 'bootloader' | 'tee' | 'snp' | 'microcode';

/** Where a part stands in the eight bytes of a TCB version; what is not named is reserved. */
const LAYOUTS: Readonly<Record<SnpProduct, readonly (readonly [TcbPart, number])[]>> = {
  Milan: [
    ['bootloader', 0],
    ['tee', 1],
    ['snp', 6],
    ['microcode', 7],
  ],
  Genoa: [
    ['bootloader', 0],
    ['tee', 1],
    ['snp', 6],
    ['microcode', 7],
  ],
  Turin: [
    ['fmc', 0],
    ['bootloader', 1],
    ['tee', 2],
    ['snp', 3],
    ['microcode', 7],
  ],
};

/** Last arcs of the certificate's extensions for each of the eight bytes, reserved ones included. */
const CERTIFICATE_PARTS: Readonly<Record<SnpProduct, readonly number[]>> = {
  Milan: [1, 2, 4, 5, 6, 7, 3, 8],
  Genoa: [1, 2, 4, 5, 6, 7, 3, 8],
  Turin: [9, 1, 2, 3, 5, 6, 7, 8],
};

/** The parts of a TCB version by name, in the order of its bytes. */
export function tcbParts(product: SnpProduct, tcb: Uint8Array): readonly (readonly [TcbPart, number])[] {
  return LAYOUTS[product].map(([name, index]) => [name, tcb[index] ?? 0]);
}

/** Arcs below 1.3.6.1.4.1.3704.1.3 in the order of the eight bytes. */
export function tcbArcs(product: SnpProduct): readonly number[] {
  return CERTIFICATE_PARTS[product];
}

/** `bootloader 10, tee 0, snp 25, microcode 84`. */
export function showTcb(product: SnpProduct, tcb: Uint8Array): string {
  return tcbParts(product, tcb)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
