/**
 * Evidence through configfs-tsm, the kernel's one interface for TDX and SEV-SNP (Linux 6.7 and later).
 *
 * Every request has a directory of its own with a name that nobody can foresee, so no other process can write
 * into it by accident. The kernel takes what was written when the descriptor is closed and does not report a
 * refusal there; what shows it is the generation, which moves once for each write that took effect. Evidence
 * counts only where the generation moved exactly as often as was written, and the report data in it is the one
 * that was asked for.
 *
 * The hardware is shared: another request under way is waited for, within bounds. ABI: Linux,
 * Documentation/ABI/testing/configfs-tsm-report.
 *
 * @module
 */
import { type Endorsements, toHex, UsageError, VitrineError } from '@vitrine/documents';
import type { DeviceFiles } from '../device-files.ts';
import { joinEndorsements } from '../join-endorsements.ts';
import type { QuoteSource } from '../quote-source.ts';
import { tableEndorsements } from '../sev-guest/certificate-table.ts';
import { errnoOf } from './errno.ts';
import { checkQuoted } from './quoted-report-data.ts';

export const TSM_REPORT_ROOT = '/sys/kernel/config/tsm/report';

export interface TsmQuoteSourceOptions {
  readonly files: DeviceFiles;
  readonly technology: 'tdx' | 'snp';
  /** {@link TSM_REPORT_ROOT} unless given. */
  readonly root?: string;
  /** Privilege level (VMPL) that the report is to be of; the kernel's own unless given. SEV-SNP alone. */
  readonly privlevel?: 0 | 1 | 2 | 3;
  /** Endorsements from elsewhere, beside those that the platform gives with a report. */
  readonly endorsements?: () => Promise<Endorsements | undefined>;
  /** What was extended into the run-time registers, see `ccelEventLog`. */
  readonly eventLog?: () => Promise<Uint8Array<ArrayBuffer> | undefined>;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Milliseconds on a clock that is never set. */
  readonly monotonic: () => number;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
}

const PROVIDERS = { tdx: 'tdx_guest', snp: 'sev_guest' } as const;
const REPORT_DATA_BYTES = 64;
const MAX_TEXT_BYTES = 4096;
/** Kernels give up to 32 KiB, later ones more; what is larger than a quote is refused with its reason. */
const MAX_EVIDENCE_BYTES = 64 * 1024;
/** How long another request under way is waited for. One takes some 10 ms, on a busy host seconds. */
const BUSY_MS = 10_000;
const PAUSE_MS = 25;
/** How often a request is made anew that somebody else disturbed. */
const MAX_ATTEMPTS = 4;
/** Directories that the kernel would not remove; each costs it memory. */
const MAX_LEFT = 8;
const BUSY_CODES: ReadonlySet<string> = new Set(['EBUSY', 'EINTR', 'EAGAIN']);

interface Collected {
  readonly evidence: Uint8Array<ArrayBuffer>;
  /** The certificate table of the host, SEV-SNP alone. */
  readonly table: Uint8Array | undefined;
}

/** A source over configfs. Nothing is asked of the hardware before the first quote. */
export function tsmQuoteSource(options: TsmQuoteSourceOptions): QuoteSource {
  const { files, technology, privlevel, eventLog } = options;
  const root = options.root ?? TSM_REPORT_ROOT;
  if (privlevel !== undefined && technology !== 'snp') {
    throw new UsageError('attester.privlevel', 'a privilege level is of SEV-SNP alone; leave it out for TDX');
  }
  /** Names of directories that could not be removed. */
  const left = new Set<string>();
  let table: Uint8Array | undefined;

  const text = async (path: string): Promise<string> =>
    new TextDecoder().decode(await files.read(path, MAX_TEXT_BYTES)).trimEnd();

  const generationOf = async (directory: string): Promise<bigint> => {
    const found = await text(`${directory}/generation`);
    if (/^[0-9]{1,20}$/.test(found)) return BigInt(found);
    throw hardware(`expected a number in ${directory}/generation, found ${JSON.stringify(found.slice(0, 40))}`);
  };

  /** Repeats `work` while another request is under way. */
  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    const start = options.monotonic();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!BUSY_CODES.has(errnoOf(error) ?? '')) throw error;
        if (options.monotonic() - start >= BUSY_MS) {
          throw new VitrineError(
            'attester.busy',
            `another request for evidence has been under way for ${BUSY_MS / 1000} seconds; try again later, and restart the machine if this stays so`,
            { cause: error },
          );
        }
        await options.sleep(PAUSE_MS);
      }
    }
  }

  /** One request in its own directory; `undefined` where somebody else disturbed it. */
  async function collect(directory: string, reportData: Uint8Array): Promise<Collected | undefined> {
    const provider = await text(`${directory}/provider`);
    if (provider !== PROVIDERS[technology]) {
      throw new VitrineError(
        'attester.unavailable',
        `this machine gives evidence of ${JSON.stringify(provider.slice(0, 40))} and not of ${PROVIDERS[technology]}; choose the platform that it is`,
      );
    }
    const before = await generationOf(directory);
    let writes = 0n;
    const write = async (attribute: string, value: Uint8Array): Promise<void> => {
      await patiently(() => files.write(`${directory}/${attribute}`, value));
      writes++;
    };
    if (privlevel !== undefined) await write('privlevel', new TextEncoder().encode(String(privlevel)));
    await write('inblob', reportData);
    // A refusal of what was written shows here and nowhere else.
    if ((await generationOf(directory)) !== before + writes) return undefined;
    const evidence = await patiently(() => files.read(`${directory}/outblob`, MAX_EVIDENCE_BYTES));
    const certificates =
      technology === 'snp' ? await readIfThere(files, `${directory}/auxblob`, MAX_EVIDENCE_BYTES) : undefined;
    return (await generationOf(directory)) === before + writes ? { evidence, table: certificates } : undefined;
  }

  async function remove(directory: string): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (attempt > 0) await options.sleep(PAUSE_MS);
      try {
        await files.removeDirectory(directory);
        left.delete(directory);
        return;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') {
          left.delete(directory);
          return;
        }
      }
    }
    left.add(directory);
  }

  async function attempt(reportData: Uint8Array): Promise<Collected | undefined> {
    const directory = `${root}/vitrine-${toHex(options.randomBytes(16))}`;
    await files.makeDirectory(directory);
    try {
      return await collect(directory, reportData);
    } finally {
      await remove(directory);
    }
  }

  async function quote(reportData: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    if (reportData.length !== REPORT_DATA_BYTES) {
      throw new UsageError(
        'attester.length',
        `report data must be exactly ${REPORT_DATA_BYTES} bytes, found ${reportData.length}`,
      );
    }
    for (const directory of left) await remove(directory);
    if (left.size >= MAX_LEFT) {
      throw hardware(
        `the kernel does not remove directories of former requests, such as ${[...left][0]}; restart the machine`,
      );
    }
    for (let count = 0; count < MAX_ATTEMPTS; count++) {
      const collected = await attempt(reportData);
      if (collected === undefined) continue;
      checkQuoted(technology, collected.evidence, reportData);
      table = collected.table;
      return collected.evidence;
    }
    throw hardware(
      `the kernel did not take the request ${MAX_ATTEMPTS} times: the generation below ${root} did not move as often as was written; look whether another program writes there`,
    );
  }

  return {
    technology,
    quote: async (reportData) => {
      try {
        return await quote(reportData);
      } catch (error) {
        throw explained(error, root, technology);
      }
    },
    endorsements: async () => joinEndorsements(tableEndorsements(table), await options.endorsements?.()),
    ...(eventLog === undefined ? {} : { eventLog }),
  };
}

/** Kernels that have nothing beside the report have no such file, or an empty one. */
async function readIfThere(files: DeviceFiles, path: string, limit: number): Promise<Uint8Array | undefined> {
  try {
    return await files.read(path, limit);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function hardware(message: string, cause?: unknown): VitrineError {
  return new VitrineError('attester.hardware', message, cause === undefined ? undefined : { cause });
}

/** What an errno of the kernel means here, and what to do. */
function explained(error: unknown, root: string, technology: 'tdx' | 'snp'): unknown {
  const code = errnoOf(error);
  if (code === undefined || error instanceof VitrineError) return error;
  switch (code) {
    case 'ENOENT':
    case 'ENXIO':
      return new VitrineError(
        'attester.unavailable',
        `there is no configfs-tsm below ${root} (${code}): it needs Linux 6.7 or later with the guest driver of the TEE loaded, and configfs mounted at /sys/kernel/config`,
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new VitrineError(
        'attester.unavailable',
        `this user may not ask for evidence below ${root} (${code}): run as root, or give the user the right to make directories there`,
        { cause: error },
      );
    case 'EFBIG':
      return hardware(
        technology === 'tdx'
          ? "the quote is larger than the kernel or this release takes (EFBIG): such quotes have the form of DICE tokens (CWT), which is not read; have the host's quote generation service make quotes of version 4 or 5"
          : 'the report or its certificate table is larger than the kernel or this release takes (EFBIG); have the host give a smaller table',
        error,
      );
    case 'ETIMEDOUT':
      return hardware(
        "the host did not answer the request for evidence in time (ETIMEDOUT): its quote generation service has to run; ask the machine's provider",
        error,
      );
    case 'EINVAL':
      return hardware(
        'the kernel refused the request for evidence (EINVAL): report data or privilege level do not suit it',
        error,
      );
    default:
      return hardware(
        `the kernel could not collect evidence (${code}); look into its log (dmesg), and restart the machine if this stays so`,
        error,
      );
  }
}
