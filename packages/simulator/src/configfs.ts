/**
 * The kernel's configfs-tsm in memory. A plain folder cannot stand for it: what is written takes effect when the
 * file is closed, a refusal of it shows nowhere but in the generation and in the evidence, and reading makes the
 * evidence.
 *
 * After Linux, drivers/virt/coco/guest/report.c and fs/configfs/file.c, as their documentation
 * (Documentation/ABI/testing/configfs-tsm-report) has them. It has only ever been compared with text: no kernel
 * with a TEE has answered beside it.
 *
 * @module
 */
import type { DeviceFiles } from '@vitrine/attester';
import { errnoError, readWhole } from './configfs-mount.ts';

/** What goes wrong. Counts go down as they are used, so a test can set them anew while it runs. */
export interface ConfigfsFaults {
  /** So many reads of evidence find another request under way. `Infinity` is for ever. */
  busy?: number;
  /** So many requests are disturbed by another writer: the generation moves once more. */
  disturbed?: number;
  /** So many report data are refused when their file is closed. */
  refused?: number;
  /** So many writes take one byte less. */
  shortWrites?: number;
  /** So many removals of directories are refused. */
  stuck?: number;
  /** What a read of an attribute fails with, such as `{ outblob: 'ETIMEDOUT' }`. */
  errors?: Readonly<Record<string, string>>;
  /** The evidence as it is read. */
  outblob?: (good: Uint8Array) => Uint8Array;
}

export interface EmulatedConfigfsOptions {
  /** `tdx_guest` or `sev_guest`; others for tests. */
  readonly provider: string;
  /** Evidence over report data. Privilege levels are of `sev_guest` alone. */
  readonly quote: (inblob: Uint8Array<ArrayBuffer>, privlevel: number) => Promise<Uint8Array>;
  /** What goes with the latest evidence, such as a certificate table; of `sev_guest` alone. */
  readonly auxblob?: () => Promise<Uint8Array>;
  /** `/sys/kernel/config/tsm/report` unless given. */
  readonly root?: string;
  readonly faults?: ConfigfsFaults;
}

const MAX_INBLOB_BYTES = 64;
const MAX_OUTBLOB_BYTES = 32 * 1024;
const MAX_PRIVLEVEL = 3;

interface Report {
  generation: number;
  /** Of what was made last. */
  made: number | undefined;
  inblob: Uint8Array<ArrayBuffer>;
  privlevel: number;
  outblob: Uint8Array;
  auxblob: Uint8Array;
  /** Open files. */
  users: number;
}

/** An empty tree. */
export function emulatedConfigfs(options: EmulatedConfigfsOptions): DeviceFiles {
  const { provider, faults = {} } = options;
  const root = options.root ?? '/sys/kernel/config/tsm/report';
  const isSev = provider === 'sev_guest';
  const reports = new Map<string, Report>();
  /** Whether the hardware is at work. */
  let isBusy = false;
  const attributes = new Set(['inblob', 'outblob', 'provider', 'generation']);
  if (isSev) for (const name of ['auxblob', 'privlevel', 'privlevel_floor']) attributes.add(name);

  const uses = (name: 'busy' | 'disturbed' | 'refused' | 'shortWrites' | 'stuck'): boolean => {
    const count = faults[name] ?? 0;
    if (count <= 0) return false;
    faults[name] = count - 1;
    return true;
  };

  function locate(path: string, call: string): readonly [report: Report, attribute: string] {
    const [name = '', attribute = '', ...more] = path.startsWith(`${root}/`)
      ? path.slice(root.length + 1).split('/')
      : [];
    const report = reports.get(name);
    if (report === undefined || !attributes.has(attribute) || more.length > 0) throw errnoError('ENOENT', call, path);
    return [report, attribute];
  }

  async function whileOpen<T>(report: Report, work: () => Promise<T>): Promise<T> {
    report.users++;
    try {
      return await work();
    } finally {
      report.users--;
    }
  }

  /** The file is closed: nobody learns what becomes of report data. */
  function commit(report: Report, inblob: Uint8Array): void {
    if (uses('refused')) return;
    report.inblob = Uint8Array.from(inblob);
    report.generation += uses('disturbed') ? 2 : 1;
  }

  function setPrivlevel(report: Report, bytes: Uint8Array, path: string): void {
    const text = new TextDecoder().decode(bytes).trimEnd();
    if (!/^[0-9]{1,9}$/.test(text) || Number(text) > MAX_PRIVLEVEL) throw errnoError('EINVAL', 'write', path);
    report.privlevel = Number(text);
    report.generation++;
  }

  /** Makes the evidence unless it was made for this generation. */
  async function make(report: Report, path: string): Promise<void> {
    if (report.inblob.length === 0) throw errnoError('EINVAL', 'read', path);
    if (report.made === report.generation) return;
    if (isBusy || uses('busy')) throw errnoError('EBUSY', 'read', path);
    isBusy = true;
    try {
      const { generation, privlevel, inblob } = report;
      // Both TEEs take report data of their own size alone, and say so only now.
      if (inblob.length !== MAX_INBLOB_BYTES) throw errnoError('EINVAL', 'read', path);
      report.outblob = await options.quote(inblob, privlevel);
      report.auxblob = (await options.auxblob?.()) ?? new Uint8Array();
      report.made = generation;
    } finally {
      isBusy = false;
    }
  }

  async function content(report: Report, attribute: string, path: string): Promise<Uint8Array> {
    const error = faults.errors?.[attribute];
    if (error !== undefined) throw errnoError(error, 'read', path);
    const text = (value: string | number): Uint8Array => new TextEncoder().encode(`${value}\n`);
    switch (attribute) {
      case 'provider':
        return text(provider);
      case 'generation':
        return text(report.generation);
      case 'privlevel_floor':
        return text(0);
      case 'outblob': {
        await make(report, path);
        const evidence = faults.outblob?.(report.outblob) ?? report.outblob;
        if (evidence.length > MAX_OUTBLOB_BYTES) throw errnoError('EFBIG', 'read', path);
        return evidence;
      }
      case 'auxblob':
        await make(report, path);
        return report.auxblob;
      default:
        throw errnoError('EACCES', 'open', path);
    }
  }

  return {
    exists: async (path) => {
      if (path === root) return true;
      const [name = '', attribute, ...more] = path.startsWith(`${root}/`) ? path.slice(root.length + 1).split('/') : [];
      return reports.has(name) && more.length === 0 && (attribute === undefined || attributes.has(attribute));
    },
    list: async (path) => {
      if (path === root) return [...reports.keys()];
      if (reports.has(path.slice(root.length + 1)) && path.startsWith(`${root}/`)) return [...attributes];
      throw errnoError('ENOENT', 'scandir', path);
    },
    makeDirectory: async (path) => {
      const name = path.slice(root.length + 1);
      if (!path.startsWith(`${root}/`) || name.includes('/') || name === '') throw errnoError('ENOENT', 'mkdir', path);
      if (reports.has(name)) throw errnoError('EEXIST', 'mkdir', path);
      const none = new Uint8Array();
      reports.set(name, {
        generation: 0,
        made: undefined,
        inblob: none,
        privlevel: 0,
        outblob: none,
        auxblob: none,
        users: 0,
      });
    },
    removeDirectory: async (path) => {
      const name = path.slice(root.length + 1);
      const report = path.startsWith(`${root}/`) ? reports.get(name) : undefined;
      if (report === undefined) throw errnoError('ENOENT', 'rmdir', path);
      if (report.users > 0 || uses('stuck')) throw errnoError('EBUSY', 'rmdir', path);
      reports.delete(name);
    },
    write: async (path, bytes) => {
      const [report, attribute] = locate(path, 'open');
      if (attribute !== 'inblob' && attribute !== 'privlevel') throw errnoError('EACCES', 'open', path);
      await whileOpen(report, async () => {
        if (attribute === 'privlevel') {
          setPrivlevel(report, bytes, path);
          return;
        }
        if (bytes.length > MAX_INBLOB_BYTES) throw errnoError('EFBIG', 'write', path);
        const isShort = uses('shortWrites');
        commit(report, isShort ? bytes.subarray(0, -1) : bytes);
        if (isShort) throw errnoError('EIO', 'write', path);
      });
    },
    read: async (path, limit) => {
      const [report, attribute] = locate(path, 'open');
      return whileOpen(report, async () => readWhole(await content(report, attribute, path), path, limit));
    },
  };
}
