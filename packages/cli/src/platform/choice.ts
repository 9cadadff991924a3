/**
 * What `--platform`, `--device` and `--root` say, read strictly: which TEE this is, where its interface is, and
 * what the application root is wrapped with. It is handed to the key service as JSON, which alone opens any of it.
 *
 * @module
 */
import { resolve } from 'node:path';
import {
  type Infer,
  list,
  nearest,
  object,
  oneOf,
  optional,
  type Shape,
  tagged,
  text,
  UsageError,
} from '@vitrine/documents';

const PLATFORM_NAMES = ['simulator', 'tdx', 'sev-snp', 'tpm', 'dstack', 'coco'] as const;
export type PlatformName = (typeof PLATFORM_NAMES)[number];

const root = tagged('kind', {
  /** The file of the simulator, which protects nothing. */
  simulator: object({ kind: oneOf('simulator') }),
  /** Of this boot alone. */
  ephemeral: object({ kind: oneOf('ephemeral') }),
  /** AMD's key of this chip and launch measurement. */
  snp: object({ kind: oneOf('snp'), device: text('a path') }),
  /** Sealed by a TPM to its PCRs. */
  tpm: object({ kind: oneOf('tpm'), device: text('a path') }),
  /** From dstack's key management, through the guest agent. */
  dstack: object({ kind: oneOf('dstack'), agent: optional(text('a path')) }),
  /** A resource of a key broker, by the KBS protocol. */
  kbs: object({ kind: oneOf('kbs'), url: text('a URL'), resource: text('<repository>/<type>/<tag>') }),
});

const choice = object({
  name: oneOf(...PLATFORM_NAMES),
  /** Where the platform's interface is, if not at its usual place: a path, for CoCo a URL. */
  device: optional(text('a path or URL')),
  /** The document that a pod of CoCo was started with. */
  initData: optional(text('a path')),
  roots: list(root, 0),
  /** What the root is wrapped with at present, where that is to change. */
  formerRoots: optional(list(root)),
});

export type RootChoice = Infer<typeof root>;
export type PlatformChoice = Infer<typeof choice>;
export const platformChoiceShape: Shape<PlatformChoice> = choice;

export const SNP_DEVICE = '/dev/sev-guest';
export const TPM_DEVICE = '/dev/tpmrm0';
/** Where the Kata agent leaves it; a container has to mount it. */
const INIT_DATA_FILE = '/run/confidential-containers/initdata/initdata.toml';
export const COCO_GUEST = 'http://127.0.0.1:8006';

export interface PlatformFlags {
  readonly platform?: string;
  readonly device?: string;
  readonly 'init-data'?: string;
  readonly root?: readonly string[];
  readonly 'root-from'?: readonly string[];
}

/**
 * @param detected - Asked for `auto` alone.
 * @throws UsageError `platform.*`
 */
export function platformChoice(flags: PlatformFlags, detected: () => PlatformName): PlatformChoice {
  const name = nameOf(flags.platform ?? 'simulator', detected);
  if (flags.device !== undefined && name === 'simulator') {
    throw new UsageError(
      'platform.device',
      '--device says where a real platform is found; the simulator has none: name one with --platform, or leave it out',
    );
  }
  if (flags.device !== undefined && name === 'tdx') {
    throw new UsageError(
      'platform.device',
      '--device: the kernel has a fixed place for the interfaces of TDX; leave it out, and name a TPM with --root tpm:DEVICE',
    );
  }
  const initData = flags['init-data'];
  if (initData !== undefined && name !== 'coco') {
    throw new UsageError(
      'platform.init-data',
      `--init-data is for --platform coco, and this is ${name}, which has no such document; leave it out`,
    );
  }
  const device = flags.device === undefined ? undefined : placeOf(flags.device);
  const roots = flags.root === undefined ? usualRoots(name, device) : rootsOf('--root', flags.root, name, device);
  const former =
    flags['root-from'] === undefined ? undefined : rootsOf('--root-from', flags['root-from'], name, device);
  if (former?.some(({ kind }) => kind === 'ephemeral')) {
    throw new UsageError(
      'platform.root',
      '--root-from: what an ephemeral secret wrapped is gone with its start; name what wraps the root now',
    );
  }
  requireOneTpm([...(name === 'tpm' ? usualRoots(name, device) : []), ...roots, ...(former ?? [])]);
  return {
    name,
    ...(device === undefined ? {} : { device }),
    ...(name === 'coco' ? { initData: initData === undefined ? INIT_DATA_FILE : resolve(initData) } : {}),
    roots,
    ...(former === undefined ? {} : { formerRoots: former }),
  };
}

/** One connection serves evidence, secrets and anchor: of two TPMs, one would silently stand for the other. */
function requireOneTpm(roots: readonly RootChoice[]): void {
  const devices = new Set(roots.flatMap((one) => (one.kind === 'tpm' ? [one.device] : [])));
  if (devices.size < 2) return;
  throw new UsageError(
    'platform.tpm',
    `expected one TPM for everything, found ${[...devices].join(' and ')}; name the same with --device, --root and --root-from`,
  );
}

/** The key service has another current directory, so a path has to say all. */
function placeOf(given: string): string {
  return /^https?:\/\//.test(given) ? given : resolve(given);
}

function nameOf(given: string, detected: () => PlatformName): PlatformName {
  if (given === 'auto') return detected();
  const found = PLATFORM_NAMES.find((name) => name === given);
  if (found !== undefined) return found;
  const known = ['auto', ...PLATFORM_NAMES];
  const near = nearest(given, known);
  throw new UsageError(
    'platform.unknown',
    `--platform: expected one of ${known.join(', ')}, found ${JSON.stringify(given)}${near === undefined ? '' : `; did you mean ${near}?`}`,
  );
}

/** What a platform gives by itself. TDX and CoCo have nothing of their own: there it has to be said. */
function usualRoots(name: PlatformName, device: string | undefined): readonly RootChoice[] {
  switch (name) {
    case 'simulator':
      return [{ kind: 'simulator' }];
    case 'sev-snp':
      return [{ kind: 'snp', device: device ?? SNP_DEVICE }];
    case 'tpm':
      return [{ kind: 'tpm', device: device ?? TPM_DEVICE }];
    case 'dstack':
      return [{ kind: 'dstack', ...(device === undefined ? {} : { agent: device }) }];
    case 'tdx':
    case 'coco':
      return [];
  }
}

const ROOT_FORMS = 'snp, tpm, tpm:DEVICE, dstack, kbs:URL#REPOSITORY/TYPE/TAG, ephemeral';

function rootsOf(
  flag: string,
  given: readonly string[],
  name: PlatformName,
  device: string | undefined,
): readonly RootChoice[] {
  const roots = given.map((one) => rootOf(flag, one, name, device));
  const kinds = roots.map(({ kind }) => kind);
  if (new Set(kinds).size !== kinds.length) {
    throw new UsageError(
      'platform.root',
      `${flag}: two sources have to be of two kinds, found ${kinds.join(' and ')}; leave one out`,
    );
  }
  if (kinds.includes('simulator') !== (name === 'simulator')) {
    throw new UsageError(
      'platform.root',
      name === 'simulator'
        ? `${flag}: in the simulator the root is wrapped with the simulator's own secret; leave it out`
        : `${flag}: the simulator's secret is a file, and protects nothing here; expected ${ROOT_FORMS}`,
    );
  }
  return roots;
}

function rootOf(flag: string, given: string, name: PlatformName, device: string | undefined): RootChoice {
  const [, kind = '', rest] = /^([a-z]+)(?::(.+))?$/.exec(given) ?? [];
  const own = (platform: PlatformName, usual: string): string => (name === platform ? (device ?? usual) : usual);
  if (kind === 'tpm') return { kind, device: rest === undefined ? own('tpm', TPM_DEVICE) : resolve(rest) };
  if (kind === 'kbs') return kbsOf(flag, rest ?? '');
  if (rest === undefined) {
    if (kind === 'simulator' || kind === 'ephemeral') return { kind };
    if (kind === 'snp') return { kind, device: own('sev-snp', SNP_DEVICE) };
    if (kind === 'dstack') return { kind, ...(name === 'dstack' && device !== undefined ? { agent: device } : {}) };
  }
  throw new UsageError('platform.root', `${flag}: expected one of ${ROOT_FORMS}, found ${JSON.stringify(given)}`);
}

function kbsOf(flag: string, rest: string): RootChoice {
  const [url = '', resource = '', ...more] = rest.split('#');
  const isResource = /^[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+$/.test(resource);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && (parsed.username !== '' || parsed.password !== '' || parsed.search !== '')) {
    // Without the URL: it could have a password in it.
    throw new UsageError('platform.root', `${flag}: the URL of a key broker has no user, password or query`);
  }
  if (more.length === 0 && isResource && parsed !== undefined && /^https?:\/\//.test(url)) {
    return { kind: 'kbs', url, resource };
  }
  throw new UsageError(
    'platform.root',
    `${flag}: expected kbs:URL#REPOSITORY/TYPE/TAG such as kbs:https://kbs.example#default/vitrine/root, found ${JSON.stringify(`kbs:${rest}`)}`,
  );
}
