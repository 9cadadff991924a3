/**
 * The technologies that are verified, in the order in which their formats are recognised. What only
 * one vendor's evidence needs is loaded when such evidence comes, and what recognises the rarer forms when
 * the more common ones are ruled out.
 *
 * @module
 */
import { INTEL_ANCHORS } from './dcap/anchors.ts';
import { hasSgxHeader, hasTdxHeader } from './dcap/quote.ts';
import type { TechnologyName } from './result.ts';
import { isSnpReport } from './snp/parse.ts';
import type { Technology, TechnologyInputs } from './technology.ts';

/** What the quotes of both technologies of Intel are judged with: its anchors, and the roots of simulators. */
function dcapInputs({ endorsements, fetched, simulatorAnchors, now }: TechnologyInputs) {
  // Whatever the caller says, an anchor that is not compiled in counts as a simulator's.
  const allowed = simulatorAnchors.flatMap((anchor) => ('product' in anchor ? [] : [{ ...anchor, simulator: true }]));
  return { collateral: endorsements.dcap, fetched, anchors: [...INTEL_ANCHORS, ...allowed], now };
}

let loadedTdx: typeof import('./tdx/verify-tdx.ts') | undefined;

async function loadTdx(): Promise<typeof import('./tdx/verify-tdx.ts')> {
  loadedTdx ??= await import('./tdx/verify-tdx.ts');
  return loadedTdx;
}

const tdx: Technology = {
  name: 'tdx',
  called: 'an Intel TDX quote',
  recognises: hasTdxHeader,
  async verify(bytes, inputs) {
    const { verifyTdx } = await loadTdx();
    return verifyTdx(bytes, { ...dcapInputs(inputs), policy: inputs.policy.tdx });
  },
  async platform(bytes) {
    const { tdxPlatform } = await loadTdx();
    const { fmspc, ca } = tdxPlatform(bytes);
    return { technology: 'tdx', fmspc, ca };
  },
  needEndorsements: ['tdx.tcb-info'],
};

let loadedSgx: typeof import('./sgx/verify-sgx.ts') | undefined;

async function loadSgx(): Promise<typeof import('./sgx/verify-sgx.ts')> {
  loadedSgx ??= await import('./sgx/verify-sgx.ts');
  return loadedSgx;
}

const sgx: Technology = {
  name: 'sgx',
  called: 'an Intel SGX quote',
  recognises: hasSgxHeader,
  async verify(bytes, inputs) {
    const { verifySgx } = await loadSgx();
    return verifySgx(bytes, { ...dcapInputs(inputs), policy: inputs.policy.sgx });
  },
  async platform(bytes) {
    const { sgxPlatform } = await loadSgx();
    const { fmspc, ca } = sgxPlatform(bytes);
    return { technology: 'sgx', fmspc, ca };
  },
  needEndorsements: ['sgx.tcb-info'],
};

let loadedSnp: typeof import('./snp/verify-snp.ts') | undefined;

/** Kept, since asking the runtime for a module that it has takes as long as all of SNP's checks but the signature. */
async function loadSnp(): Promise<typeof import('./snp/verify-snp.ts')> {
  loadedSnp ??= await import('./snp/verify-snp.ts');
  return loadedSnp;
}

const snp: Technology = {
  name: 'snp',
  called: 'an AMD SEV-SNP report',
  recognises: isSnpReport,
  async verify(bytes, { endorsements, simulatorAnchors, policy, now }) {
    const { verifySnp } = await loadSnp();
    const anchors = simulatorAnchors.flatMap((anchor) => ('product' in anchor ? [anchor] : []));
    return verifySnp(bytes, { endorsements, policy: policy.snp, now, anchors });
  },
  async platform(bytes) {
    const { snpPlatform } = await loadSnp();
    return snpPlatform(bytes);
  },
  needEndorsements: ['snp.vcek-chain', 'snp.revocation'],
};

const nitro: Technology = {
  name: 'nitro',
  called: 'an AWS Nitro attestation document',
  async recognises(bytes) {
    const { isNitroDocument } = await import('./nitro/parse.ts');
    return isNitroDocument(bytes);
  },
  async verify(bytes, { policy, now }) {
    const { verifyNitro } = await import('./nitro/verify-nitro.ts');
    return verifyNitro(bytes, { policy: policy.nitro, now });
  },
  needEndorsements: [],
};

const tpm: Technology = {
  name: 'tpm',
  called: 'a TPM 2.0 quote',
  async recognises(bytes) {
    const { isTpmQuote } = await import('./tpm/forms.ts');
    return isTpmQuote(bytes);
  },
  async verify(bytes, inputs) {
    const { verifyTpm } = await import('./tpm/verify-tpm.ts');
    const { committed } = inputs;
    return verifyTpm(bytes, {
      policy: inputs.policy.tpm,
      ...inputs.tpm,
      ...(committed === undefined ? {} : { committed }),
    });
  },
  needEndorsements: [],
};

export const TECHNOLOGIES: readonly Technology[] = [tdx, sgx, snp, nitro, tpm];

/** Their names, for whoever lets people choose one. */
export const TECHNOLOGY_NAMES: readonly TechnologyName[] = TECHNOLOGIES.map(({ name }) => name);
