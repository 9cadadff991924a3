/**
 * The app-compose of dstack: what the guest launches. The guest hashes its raw bytes into RTMR3.
 *
 * It is read by a closed list: a member that is not named here is refused by its name, since the guest may do
 * something with it that runs other code. What is allowed changes who may look (`public_…`), who gives keys
 * (`key_provider`, `kms_enabled`, `local_key_provider_enabled`) or how the guest is reached (`gateway_enabled`), and
 * not which code runs. `allowed_envs` has to be empty: what it lets in is neither measured nor authenticated.
 *
 * dstack, `dstack-types`, `AppCompose`, manifest version 2.
 *
 * @module
 */
import { canonicalBytes } from '../canonical.ts';
import { type Issue, list, object, oneOf, optional, type Shape, showPath, text } from '../shape.ts';
import { type JsonValue, parseStrictJson } from '../strict-json.ts';
import { type ComposeFile, composeFileShape, REFUSED_SERVICE_MEMBERS, readServices } from './compose-file.ts';
import { LaunchError } from './launch-error.ts';

const flag = optional(oneOf(true, false));

/** Members that say nothing about code, as dstack spells them. */
const settings = {
  kms_enabled: flag,
  gateway_enabled: flag,
  local_key_provider_enabled: flag,
  key_provider: optional(oneOf('none', 'kms', 'local', 'tpm')),
  key_provider_id: optional(text('lower-case hexadecimal', /^(?:[0-9a-f]{2})*$/)),
  public_logs: flag,
  public_sysinfo: flag,
  public_tcbinfo: flag,
  no_instance_id: flag,
  secure_time: flag,
  storage_fs: optional(oneOf('zfs', 'ext4')),
} as const;

const shape = object({
  manifest_version: oneOf(2),
  name: text('a name of letters, digits, "." "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  runner: oneOf('docker-compose'),
  docker_compose_file: text('a compose file as text'),
  /** Read by other runners of variables that come from outside, so there may be none. */
  allowed_envs: optional(list(text(), 0)),
  ...settings,
});

const settingsShape = object(settings);

export type AppComposeSettings = typeof settingsShape extends Shape<infer T> ? T : never;

export interface AppComposeTerms {
  readonly name: string;
  /** The containers; the one with the agent's socket is the enclave. */
  readonly compose: ComposeFile;
  readonly settings: AppComposeSettings;
}

/** What an app-compose says. */
export interface AppCompose extends AppComposeTerms {
  /** The service that has the agent's socket. */
  readonly enclave: string;
  /** SHA-384 of the manifest that it is given, hexadecimal. */
  readonly manifestDigest: string;
  /** Every image by digest, in the order of the services' names. */
  readonly images: readonly string[];
}

const REFUSED_MEMBERS: Readonly<Record<string, string>> = {
  init_script: 'it would run a script in the guest before anything else',
  pre_launch_script: 'it would run a script in the guest',
  bash_script: 'it would run a script in the guest',
  requirements: 'it belongs to manifest version 3, which is not read here',
  verity_volumes: 'it would bring files of another image into the guest',
  snapshotter: 'it belongs to another runner',
};

/** Far above any real one. */
const MAX_BYTES = 128 * 1024;
const COMPOSE = 'docker_compose_file';

/**
 * Reads an app-compose by the closed list.
 *
 * @throws LaunchError that names the member.
 */
export function parseAppCompose(bytes: Uint8Array): AppCompose {
  if (bytes.length > MAX_BYTES) throw refused('', `longer than ${MAX_BYTES} bytes`);
  const document = readJson(decode(bytes), '');
  const known = refusedMember(document, REFUSED_MEMBERS);
  if (known !== undefined) throw refused(known.name, known.why);
  const {
    manifest_version: _,
    runner: __,
    name,
    docker_compose_file: file,
    allowed_envs: outside,
    ...rest
  } = accept(shape, document, '');
  if (outside !== undefined && outside.length > 0) {
    throw refused('allowed_envs', 'it would let in variables that nobody measured: it has to be empty or absent');
  }
  const compose = parseCompose(file);
  const services = readServices(compose);
  if ('why' in services) throw refused(`${COMPOSE}.${services.member}`, services.why);
  return { name, compose, settings: rest, ...services, images: imagesOf(compose) };
}

/**
 * Writes an app-compose in normal form (RFC 8785), so that dstack's own tools find the same digest.
 *
 * @throws LaunchError where it would not be read back as the same terms.
 */
export function renderAppCompose({ name, compose, settings: chosen }: AppComposeTerms): Uint8Array<ArrayBuffer> {
  const bytes = canonicalBytes({
    manifest_version: 2,
    name,
    runner: 'docker-compose',
    docker_compose_file: canonicalText(compose),
    allowed_envs: [],
    ...chosen,
  });
  parseAppCompose(bytes);
  return bytes;
}

function parseCompose(file: string): ComposeFile {
  if (!/^[\x20-\x7e]*$/.test(file)) throw refused(COMPOSE, 'it has other characters than printable ASCII');
  if (file.includes('$')) {
    throw refused(COMPOSE, 'it has a "$", which the guest would fill in with values that nobody measured');
  }
  const document = readJson(file, COMPOSE);
  for (const [service, content] of Object.entries(membersOf(membersOf(document)['services']))) {
    const known = refusedMember(content, REFUSED_SERVICE_MEMBERS);
    if (known !== undefined) throw refused(`${COMPOSE}.services.${service}.${known.name}`, known.why);
  }
  const compose = accept(composeFileShape, document, COMPOSE);
  if (canonicalText(compose) !== file) {
    throw refused(COMPOSE, 'it is not in canonical form (RFC 8785), so it could be read in two ways');
  }
  return compose;
}

function imagesOf({ services }: ComposeFile): readonly string[] {
  return Object.keys(services)
    .sort()
    .map((name) => services[name]?.image ?? '');
}

function canonicalText(document: object): string {
  return new TextDecoder().decode(canonicalBytes(document));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LaunchError('app-compose', '', 'it is not UTF-8', { cause });
  }
}

function readJson(content: string, member: string): JsonValue {
  try {
    return parseStrictJson(content);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'not JSON';
    throw new LaunchError('app-compose', member, `not strict JSON: ${why}`, { cause });
  }
}

function membersOf(value: JsonValue | undefined): Readonly<Record<string, JsonValue>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return value as Readonly<Record<string, JsonValue>>;
}

function refusedMember(
  value: JsonValue,
  reasons: Readonly<Record<string, string>>,
): { readonly name: string; readonly why: string } | undefined {
  const name = Object.keys(membersOf(value)).find((member) => Object.hasOwn(reasons, member));
  return name === undefined ? undefined : { name, why: `refused: ${reasons[name]}` };
}

function accept<T>(wanted: Shape<T>, value: JsonValue, member: string): T {
  const parsed = wanted.parse(value);
  if (parsed.ok) return parsed.value;
  const issue: Issue = parsed.issues[0] ?? { path: [], message: 'malformed' };
  throw refused([member, showPath(issue.path)].filter((part) => part !== '').join('.'), issue.message);
}

function refused(member: string, why: string): LaunchError {
  return new LaunchError('app-compose', member, why);
}
