/**
 * An emulated SEV-SNP machine: guests with reports in AMD's format, signed under a root of the simulator's own,
 * and keys derived from a secret of the state directory.
 *
 * It protects nothing: whoever reads the state directory can make any report and any key. No verifier ships the
 * root, and evidence under it is at best `simulated`.
 *
 * @module
 */
import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import {
  type DerivedKeyField,
  type DerivedKeyRequest,
  type DeviceFiles,
  type QuoteSource,
  type SevGuest,
  sevGuestQuoteSource,
  TSM_REPORT_ROOT,
  writeCertificateTable,
} from '@vitrine/attester';
import {
  concatBytes,
  type Endorsements,
  fromHex,
  type ReferenceValues,
  toBase64Url,
  toHex,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import { issueAmdList } from './amd-certificate.ts';
import { AMD_NAMES, type AmdPki, amdName, SNP_PRODUCT, SNP_TCB } from './amd-pki.ts';
import { makeSnpReport, type SnpLaunch } from './amd-report.ts';
import { openAmdState } from './amd-state.ts';
import { type ConfigfsFaults, emulatedConfigfs } from './configfs.ts';
import { mounted } from './configfs-mount.ts';
import type { SimulatorOptions } from './simulator.ts';

/** Registers of a launched guest, lower-case hexadecimal. */
export interface SnpRegisters {
  /** 48 bytes. */
  readonly measurement: string;
  /** SHA-256 of the manifest's digest, 32 bytes. */
  readonly hostdata: string;
}

/** A launched guest: its quote source, and both devices that it could speak with. */
export interface SimulatedSnpGuest extends QuoteSource {
  readonly registers: SnpRegisters;
  readonly device: SevGuest;
  /** configfs-tsm of the same guest. */
  readonly files: DeviceFiles;
}

export interface SnpLaunchOptions {
  /** 0 unless given. */
  readonly guestSvn?: number;
  /** In the place of the release's, 96 hexadecimal digits: other code. */
  readonly measurement?: string;
  readonly faults?: ConfigfsFaults;
}

export interface SimulatedSnp {
  /** The root certificate: what a relying party must name to see these machines as `simulated`. */
  readonly arkPem: string;
  /** The file that holds it: `ark.pem` in the state directory. */
  readonly rootFile: string;
  /** The same in DER. */
  readonly arkCertificate: Uint8Array<ArrayBuffer>;
  /** As AMD calls the processor's family. */
  readonly product: 'Genoa';
  /** CHIP_ID in its reports, 128 lower-case hexadecimal digits. */
  readonly chipId: string;
  /**
   * Launches a guest with the manifest of that digest in HOST_DATA.
   *
   * @param manifestDigest - SHA-384, 96 lower-case hexadecimal digits.
   */
  launch(manifestDigest: string, options?: SnpLaunchOptions): SimulatedSnpGuest;
  /** Certificates of the chip and above, and the revocation list for now. */
  endorsements(): Endorsements;
  /** What the registers of a guest with that manifest must be. */
  referenceValues(manifestDigest: string): ReferenceValues;
}

const DAY_MS = 86_400_000;
const CLOCK_TOLERANCE_MS = 3_600_000;
/** SMT allowed; the reserved bit is one. */
const GUEST_POLICY = 0x30000n;
const KEY_BYTES = 32;

/**
 * Opens the emulated machine of a state directory. The first time takes seconds.
 *
 * @throws UsageError when the state cannot be used; the message says which file and what to do.
 */
export async function openSimulatedSnp({ directory, now, release }: SimulatorOptions): Promise<SimulatedSnp> {
  const { pki, arkPem, rootFile } = await openAmdState(directory, now());
  let latest: { readonly made: number; readonly list: Uint8Array } | undefined;

  const revocationList = (): Uint8Array => {
    const time = now().getTime();
    const age = latest === undefined ? Number.NaN : time - latest.made;
    if (latest === undefined || !(age >= 0 && age < DAY_MS)) {
      const issued = new Date(time - CLOCK_TOLERANCE_MS);
      const next = new Date(issued.getTime() + 30 * DAY_MS);
      latest = { made: time, list: issueAmdList(amdName(AMD_NAMES.ark), pki.ark.key, issued, next) };
    }
    return latest.list;
  };
  const table = (): Uint8Array<ArrayBuffer> =>
    writeCertificateTable([
      { key: 'vcek', der: pki.vcek.der },
      { key: 'ask', der: pki.ask.der },
      { key: 'ark', der: pki.ark.der },
      { key: 'crl', der: revocationList() },
    ]);

  return {
    arkPem,
    rootFile,
    arkCertificate: pki.ark.der,
    product: SNP_PRODUCT,
    chipId: toHex(pki.chipId),
    launch: (manifestDigest, options = {}) => {
      const good = snpRegisters(release, manifestDigest);
      const registers = { ...good, measurement: options.measurement ?? good.measurement };
      const launch: SnpLaunch = {
        measurement: bytesOf(registers.measurement, 48),
        hostData: bytesOf(registers.hostdata, 32),
        policy: GUEST_POLICY,
        guestSvn: options.guestSvn ?? 0,
        imageId: new Uint8Array(16),
        familyId: new Uint8Array(16),
        reportId: randomBytes(32),
      };
      const device = emulatedSevGuest({ pki, launch, table });
      const { faults } = options;
      const configfs = emulatedConfigfs({
        provider: 'sev_guest',
        quote: async (reportData, vmpl) =>
          makeSnpReport(pki.vcek.key, { launch, reportData, vmpl, chipId: pki.chipId }),
        auxblob: async () => table(),
        ...(faults === undefined ? {} : { faults }),
      });
      return { ...sevGuestQuoteSource(device), registers, device, files: mounted({ [TSM_REPORT_ROOT]: configfs }) };
    },
    endorsements: () => ({
      type: 'vitrine/endorsements/v1',
      certificates: [pki.vcek, pki.ask, pki.ark].map(({ der }) => toBase64Url(der)),
      revocationLists: [toBase64Url(revocationList())],
    }),
    referenceValues: (manifestDigest) => simulatedSnpReferenceValues(release, manifestDigest),
  };
}

/** What the registers of an emulated guest of that release must be; for whoever has no business with its keys. */
export function simulatedSnpReferenceValues(release: string, manifestDigest: string): ReferenceValues {
  return {
    type: 'vitrine/reference-values/v1',
    release,
    entries: [
      {
        technology: 'snp',
        shape: 'simulator',
        registers: { ...snpRegisters(release, manifestDigest) },
        // As the label stands for all of the release's code.
        covers: 'image',
        computedBy: 'vitrine simulator',
        manifestDigest,
      },
    ],
  };
}

interface EmulatedSevGuestOptions {
  readonly pki: AmdPki;
  readonly launch: SnpLaunch;
  /** The host's certificate table. */
  readonly table: () => Uint8Array<ArrayBuffer>;
}

/** The device of one guest. */
function emulatedSevGuest({ pki, launch, table }: EmulatedSevGuestOptions): SevGuest {
  let isOpen = true;
  const requireOpen = (): void => {
    if (!isOpen) throw new VitrineError('attester.unavailable', 'the emulated SEV guest device is closed');
  };
  return {
    extendedReport: async (reportData, vmpl) => {
      requireOpen();
      if (reportData.length !== 64) {
        throw new UsageError('attester.length', `report data must be exactly 64 bytes, found ${reportData.length}`);
      }
      const report = makeSnpReport(pki.vcek.key, { launch, reportData, vmpl, chipId: pki.chipId });
      return { report, certificates: table() };
    },
    derivedKey: async (request) => {
      requireOpen();
      return deriveKey(pki.chipSecret, launch, request);
    },
    close: async () => {
      isOpen = false;
    },
  };
}

/** From the chip's secret and exactly the fields that are selected, each in its own length. */
function deriveKey(secret: Uint8Array, launch: SnpLaunch, request: DerivedKeyRequest): Uint8Array<ArrayBuffer> {
  const { rootKey, fields, vmpl, guestSvn, tcbVersion, launchMitigations } = request;
  const committed = uint64At(Uint8Array.from(SNP_TCB));
  if (rootKey !== 'vcek' || guestSvn > launch.guestSvn || tcbVersion > committed || vmpl > 3) {
    throw new VitrineError('attester.hardware', 'the firmware refused the derived key with status 0x16 (emulated)');
  }
  const values: Readonly<Record<DerivedKeyField, Uint8Array>> = {
    policy: uint64(launch.policy),
    'image-id': launch.imageId,
    'family-id': launch.familyId,
    measurement: launch.measurement,
    'guest-svn': uint64(BigInt(guestSvn)),
    'tcb-version': uint64(tcbVersion),
    'launch-mitigations': uint64(launchMitigations ?? 0n),
  };
  const selected = (Object.keys(values) as readonly DerivedKeyField[]).filter((field) => fields.includes(field));
  const parts = selected.map((field) => concatBytes(new TextEncoder().encode(`${field}=`), values[field]));
  const info = concatBytes(Uint8Array.of(vmpl, selected.length), ...parts);
  return new Uint8Array(hkdfSync('sha256', secret, 'vitrine simulator derived key', info, KEY_BYTES));
}

function snpRegisters(release: string, manifestDigest: string): SnpRegisters {
  const digest = bytesOf(manifestDigest, 48);
  return {
    measurement: createHash('sha384').update(`vitrine simulator ${release}, not measured: measurement`).digest('hex'),
    hostdata: toHex(createHash('sha256').update(digest).digest()),
  };
}

function bytesOf(digits: string, length: number): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(digits);
  if (bytes?.length === length) return bytes;
  throw new UsageError(
    'simulator.manifest-digest',
    `expected ${2 * length} lower-case hexadecimal digits, found ${JSON.stringify(digits.slice(0, 100))}`,
  );
}

function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

function uint64At(bytes: Uint8Array<ArrayBuffer>): bigint {
  return new DataView(bytes.buffer).getBigUint64(0, true);
}
