/**
 * The software TEE. It walks the real code path, genuine-format TDX quotes and their endorsements,
 * under a root of its own whose name says that it is no TEE.
 *
 * It protects nothing: whoever reads the state directory can make any evidence under this root. No
 * verifier ships the root, and evidence under it is at best `simulated`.
 *
 * @module
 */
import type { QuoteSource, RootSecretSource } from '@vitrine/attester';
import { type DcapCollateral, type ReferenceValues, toHex, UsageError } from '@vitrine/documents';
import { makeCollateral } from './collateral.ts';
import { generateKeyPair, pointOf } from './keys.ts';
import { makeQuote } from './quote.ts';
import { launchRegisters, type Registers, registerClaims } from './registers.ts';
import { simulatedRootSecret } from './root-secret.ts';
import { openState } from './state.ts';
import type { TdBody } from './td-body.ts';

export interface SimulatorOptions {
  /** Where its root and keys are kept; made when it is not there. */
  readonly directory: string;
  readonly now: () => Date;
  /** The release that runs inside, such as `0.1.0`: it is in the registers. */
  readonly release: string;
}

/** A launched TD: the quote source of one enclave, and its launch measurements. */
export interface SimulatedTd extends QuoteSource {
  readonly registers: Registers;
}

export interface Simulator {
  /** The root certificate: what a relying party must name to see this simulator as `simulated`. */
  readonly rootPem: string;
  /** The file that holds it: `root.pem` in the state directory. */
  readonly rootFile: string;
  /** The same in DER. */
  readonly rootCertificate: Uint8Array<ArrayBuffer>;
  /** The root's public key x ‖ y, 64 bytes. */
  readonly rootPublicKey: Uint8Array<ArrayBuffer>;
  /** FMSPC of the simulated machine, 12 upper-case hexadecimal digits, as in TCB info. */
  readonly fmspc: string;
  /**
   * Launches a TD with the manifest of that digest.
   *
   * @param manifestDigest - SHA-384, 96 lower-case hexadecimal digits.
   */
  launch(manifestDigest: string): SimulatedTd;
  /**
   * Launches a TD that was measured elsewhere: for emulators of platforms with registers of their own.
   *
   * @param mrConfigId - 48 bytes that a host sets at launch; zero where it is absent.
   */
  launchMeasured(registers: Registers, mrConfigId?: Uint8Array): SimulatedTd;
  /** Endorsements for now; made anew when they are older than a day. */
  collateral(): DcapCollateral;
  /** What the registers of a TD with that manifest must be. */
  referenceValues(manifestDigest: string): ReferenceValues;
  /** What stands for the secret of a machine. It is a file: whoever reads the state directory has it. */
  rootSecret(): RootSecretSource;
}

const DAY_MS = 86_400_000;

/**
 * Opens the simulator of a state directory.
 *
 * @throws UsageError when the state cannot be used; the message says which file and what to do.
 */
export async function openSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { now, release } = options;
  const { pki, rootPem, rootFile } = await openState(options.directory, now());
  // A real quoting enclave makes its attestation key itself, too; this one lives as long as the process.
  const attestationKey = generateKeyPair();
  let latest: { readonly made: number; readonly collateral: DcapCollateral } | undefined;

  const collateral = (): DcapCollateral => {
    const time = now();
    const age = latest === undefined ? Number.NaN : time.getTime() - latest.made;
    if (latest === undefined || !(age >= 0 && age < DAY_MS)) {
      latest = { made: time.getTime(), collateral: makeCollateral(pki, time) };
    }
    return latest.collateral;
  };

  const started = (registers: Registers, mrConfigId: Uint8Array = new Uint8Array(48)): SimulatedTd => ({
    technology: 'tdx',
    registers,
    quote: async (reportData) => {
      if (reportData.length !== 64) {
        throw new UsageError(
          'simulator.report-data',
          `report data must be exactly 64 bytes, found ${reportData.length}`,
        );
      }
      const body = (good: TdBody): TdBody => ({ ...good, mrConfigId });
      return makeQuote(pki, attestationKey, registerClaims(registers, reportData), { body });
    },
    endorsements: async () => ({ type: 'vitrine/endorsements/v1', dcap: [collateral()] }),
  });

  return {
    rootPem,
    rootFile,
    rootCertificate: pki.root.der,
    rootPublicKey: pointOf(pki.root.key),
    fmspc: toHex(pki.platform.fmspc).toUpperCase(),
    collateral,
    rootSecret: () => simulatedRootSecret(options.directory),
    launch: (manifestDigest) => started(launchRegisters(release, manifestDigest)),
    launchMeasured: started,
    referenceValues: (manifestDigest) => simulatedReferenceValues(release, manifestDigest),
  };
}

/** What the registers of a simulated TD of that release must be; for whoever has no business with its keys. */
export function simulatedReferenceValues(release: string, manifestDigest: string): ReferenceValues {
  return {
    type: 'vitrine/reference-values/v1',
    release,
    entries: [
      {
        technology: 'tdx',
        shape: 'simulator',
        registers: { ...launchRegisters(release, manifestDigest) },
        computedBy: 'vitrine simulator',
        manifestDigest,
      },
    ],
  };
}
