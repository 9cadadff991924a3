/**
 * Appraisal of the processor behind a report, and of the key that signs for it. These two come
 * before authentication: a processor that the policy refuses is refused whatever else the evidence
 * shows, and a report that nobody signed cannot be authenticated at all.
 *
 * @module
 */
import { failed, passed, unavailable } from '../dcap/findings.ts';
import type { Check } from '../result.ts';
import type { SnpCertificates } from './endorsements.ts';
import type { SnpReport } from './parse.ts';
import type { SnpPolicy } from './policy.ts';
import { type Cpuid, processorOf, type SnpProduct } from './product.ts';

/** Why a product is refused by default; the reason is given where the policy refuses it. */
const WEAKNESSES: Readonly<Partial<Record<SnpProduct, string>>> = {
  Milan: 'its root seed can be extracted in software, so anybody who did can sign reports of any content',
};

/**
 * Check `snp.product`: what the processor's identification, the certificate and its chain name is
 * one product, and the policy accepts it. A version 2 report names none by itself.
 */
export function productCheck(report: SnpReport, certificates: SnpCertificates, policy: SnpPolicy): Check {
  const id = 'snp.product';
  const expected = policy.products.join(' or ');
  const { cpuid } = report;
  const processor = cpuid === undefined ? undefined : processorOf(cpuid);
  if (cpuid !== undefined && processor === undefined) {
    return failed(id, 'The processor is of no known product.', { expected, actual: showCpuid(cpuid) });
  }
  // Without a leaf of this machine, another one of the same fleet still tells a product that is refused.
  const certified = certificates.leaf?.product;
  const product = processor?.product ?? certified ?? certificates.candidates[0]?.product;
  if (product === undefined) {
    return unavailable(
      id,
      `a report of version ${report.version} does not name its processor, and no certificate does`,
    );
  }
  if (!policy.products.includes(product)) {
    const weakness = WEAKNESSES[product];
    const message = `The policy does not accept ${product}${weakness === undefined ? '' : `: ${weakness}`}.`;
    return failed(id, message, { expected, actual: product });
  }
  if (processor !== undefined && certified !== undefined && certified !== product) {
    const actual = `${product} by CPUID, ${certified} by its certificate`;
    return failed(id, 'Report and certificate name different products.', { expected, actual });
  }
  if (processor === undefined && certified === undefined) {
    return unavailable(
      id,
      `a report of version ${report.version} does not name its processor, and no certificate is for it`,
    );
  }
  const named = processor === undefined ? 'the certificate names' : 'the report names';
  return passed(id, `The policy accepts ${product}, which ${named}.`, { expected, actual: product });
}

/** Check `snp.signer`: the report is signed at all, by a kind of key that the policy accepts. */
export function signerCheck({ signer, maskChipKey }: SnpReport, { signers }: SnpPolicy): Check {
  const id = 'snp.signer';
  const difference = { expected: signers.join(' or '), actual: maskChipKey ? `${signer}, masked chip key` : signer };
  if (signer === 'none') return failed(id, 'The report says that it is not signed.', difference);
  if (maskChipKey) return failed(id, "The host masked the chip's key, so nothing vouches for the machine.", difference);
  return signers.includes(signer)
    ? passed(id, `The report is signed by a ${signer.toUpperCase()}, which the policy accepts.`, difference)
    : failed(id, `The report is signed by a ${signer.toUpperCase()}, which the policy does not accept.`, difference);
}

export function showCpuid({ family, model, stepping }: Cpuid): string {
  const hex = (value: number): string => `${value.toString(16).toUpperCase().padStart(2, '0')}h`;
  return `family ${hex(family)} model ${hex(model)} stepping ${stepping}`;
}
