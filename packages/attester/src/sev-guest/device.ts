/**
 * The SEV-SNP guest device of Linux, `/dev/sev-guest`: reports with the host's certificates, and derived keys.
 *
 * Requests go one after another, since firmware and host answer one at a time. A host that throttles is asked
 * again within bounds. A host error about the length of the certificate table is how the kernel tells which
 * length it takes; a host without certificates answers at once.
 *
 * The call itself and the addresses of buffers are parameters, so that layouts are tested without the device.
 *
 * @module
 */
import { UsageError, VitrineError } from '@vitrine/documents';
import { PAGE_BYTES } from './certificate-table.ts';
import {
  certificatesLength,
  envelope,
  exitInfo,
  extendedRequest,
  fixed,
  keyOf,
  keyRequest,
  keyResponse,
  Request,
  type RequestName,
  reportOf,
  reportRequest,
  reportResponse,
} from './messages.ts';
import type { DerivedKeyRequest, ExtendedReport, SevGuest } from './sev-guest.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The two things that only native code can do. */
export interface Native {
  /** One call on the open device. `argument` must stay where it is until it is done. */
  ioctl(request: number, argument: Bytes): Promise<{ readonly result: number; readonly errno: number }>;
  /** Where the first byte of `bytes` is in memory. */
  address(bytes: Bytes): bigint;
  /** Idempotent. */
  close(): Promise<void>;
}

/** What the kernel takes for the table at most is 16 KiB; later kernels may take more. */
const MAX_TABLE_BYTES = 64 * 1024;
const REPORT_DATA_BYTES = 64;
const MAX_VMPL = 3;
/** How often a busy firmware or host is asked, and how long apart. */
const MAX_BUSY = 20;
const PAUSE_MS = 250;
/** A host may change its table between the two calls. */
const MAX_LENGTH_CHANGES = 3;

const Errno = { perm: 1, intr: 4, io: 5, again: 11, access: 13, busy: 16, inval: 22, notty: 25, nospc: 28 } as const;
const BUSY_ERRNOS: ReadonlySet<number> = new Set([Errno.intr, Errno.again, Errno.busy]);
/** `vmm_error` of exitinfo2 (Linux, sev-guest.h). */
const HostError = { invalidLength: 1, busy: 2 } as const;

type Outcome =
  | { readonly kind: 'done' }
  /** The certificate table does not fit. */
  | { readonly kind: 'length' }
  | { readonly kind: 'failed'; readonly errno: number; readonly firmware: number; readonly host: number };

/** The device over native calls. */
export function sevGuestDevice(native: Native, sleep: (milliseconds: number) => Promise<void>): SevGuest {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };

  async function send(name: RequestName, version: number, request: Bytes, response: Bytes): Promise<Outcome> {
    for (let count = 0; ; count++) {
      const argument = envelope(version, native.address(request), native.address(response));
      const { result, errno } = await native.ioctl(Request[name], argument);
      if (result === 0) return { kind: 'done' };
      // Only with EIO and ENOSPC does every kernel fill in what went wrong.
      const { firmware, host } =
        errno === Errno.io || errno === Errno.nospc ? exitInfo(argument) : { firmware: 0, host: 0 };
      if (name === 'extendedReport' && (host === HostError.invalidLength || errno === Errno.nospc)) {
        return { kind: 'length' };
      }
      if (!BUSY_ERRNOS.has(errno) && host !== HostError.busy) return { kind: 'failed', errno, firmware, host };
      if (count + 1 >= MAX_BUSY) {
        throw new VitrineError(
          'attester.busy',
          `the host had no time for this guest's request ${MAX_BUSY} times (errno ${errno}, exitinfo2 host ${host}); try again later`,
        );
      }
      await sleep(PAUSE_MS);
    }
  }

  async function plainReport(reportData: Uint8Array, vmpl: number): Promise<ExtendedReport> {
    const response = reportResponse();
    const outcome = await send('report', 1, reportRequest(reportData, vmpl), response);
    if (outcome.kind !== 'done') throw failure('a report', outcome);
    return { report: reportOf(response), certificates: new Uint8Array() };
  }

  async function extendedReport(reportData: Uint8Array, vmpl: number): Promise<ExtendedReport> {
    let table: Bytes = new Uint8Array();
    for (let count = 0; count < MAX_LENGTH_CHANGES; count++) {
      const response = reportResponse();
      const address = table.length === 0 ? 0n : native.address(table);
      const request = extendedRequest(reportData, vmpl, address, table.length);
      const outcome = await send('extendedReport', 1, request, response);
      if (outcome.kind === 'done') return { report: reportOf(response), certificates: table };
      // Old kernels and hosts have no such request; the report is the same without certificates.
      if (outcome.kind === 'failed' && (outcome.errno === Errno.inval || outcome.host !== 0)) break;
      if (outcome.kind === 'failed') throw failure('a report', outcome);
      const length = certificatesLength(request);
      if (length === 0 || length > MAX_TABLE_BYTES || length % PAGE_BYTES !== 0) break;
      table = fixed(length);
    }
    return plainReport(reportData, vmpl);
  }

  async function derivedKey(wanted: DerivedKeyRequest): Promise<Bytes> {
    const { version, bytes } = keyRequest(wanted);
    const response = keyResponse();
    const outcome = await send('derivedKey', version, bytes, response);
    if (outcome.kind !== 'done') throw failure('a derived key', outcome);
    return keyOf(response);
  }

  return {
    extendedReport: async (reportData, vmpl) => {
      if (reportData.length !== REPORT_DATA_BYTES) {
        throw new UsageError(
          'attester.length',
          `report data must be exactly ${REPORT_DATA_BYTES} bytes, found ${reportData.length}`,
        );
      }
      requireVmpl(vmpl);
      return inTurn(() => extendedReport(reportData, vmpl));
    },
    derivedKey: async (request) => {
      requireVmpl(request.vmpl);
      return inTurn(() => derivedKey(request));
    },
    close: () => inTurn(() => native.close()),
  };
}

function requireVmpl(vmpl: number): void {
  if (Number.isInteger(vmpl) && vmpl >= 0 && vmpl <= MAX_VMPL) return;
  throw new UsageError('attester.privlevel', `expected a privilege level from 0 to ${MAX_VMPL}, found ${vmpl}`);
}

function failure(what: string, outcome: Exclude<Outcome, { kind: 'done' }>): VitrineError {
  if (outcome.kind === 'length') {
    return new VitrineError('attester.hardware', `the host refused the length of the request for ${what}`);
  }
  const { errno, firmware, host } = outcome;
  if (errno === Errno.notty) {
    return new VitrineError(
      'attester.hardware',
      `the kernel gives up ${what} (ENOTTY): after an unclear answer of the host it forgot the key that it speaks to the firmware with, or this is not the SEV guest device; restart the machine`,
    );
  }
  if (errno === Errno.perm || errno === Errno.access) {
    return new VitrineError(
      'attester.unavailable',
      `this user may not ask for ${what} (errno ${errno}): run as root, or give the user the right to the device`,
    );
  }
  const code = (value: number): string => `0x${value.toString(16)}`;
  return new VitrineError(
    'attester.hardware',
    `the request for ${what} failed (errno ${errno}, fw_error ${code(firmware)}, vmm_error ${code(host)}); look into the kernel's log (dmesg), and restart the machine if this stays so`,
  );
}
