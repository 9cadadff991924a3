/**
 * The compose file in an app-compose: which containers run in the guest, read strictly.
 *
 * A compose file is YAML, of which JSON is a part. Here it has to be JSON in canonical form and printable ASCII,
 * so that a reader of JSON and one of YAML cannot disagree, and it has to be of a closed form: what is not known
 * here could start other code beside the enclave or inside it. `$` is refused everywhere, since the guest fills in
 * values that nobody measured; so are members that read other files, build images or give rights on the guest.
 *
 * Compose Specification, "services" and "volumes".
 *
 * @module
 */
import { type Infer, list, mapOf, object, oneOf, optional, type Shape, text } from '../shape.ts';

/** By these paths a container reaches the guest agent. */
const AGENT_SOCKETS: readonly string[] = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
];

/** Where the enclave keeps files: what stands there is sealed or encrypted, and no code is read from it. */
const DATA_FOLDERS = /^\/(?:data|var\/lib\/vitrine)(?:\/[A-Za-z0-9_-]+)*$/;

const service = object({
  /** By digest: a tag could be another image tomorrow. */
  image: text('an image by digest, …@sha256:…', /^[a-z0-9][a-z0-9._:/-]{0,255}@sha256:[0-9a-f]{64}$/),
  command: optional(list(text('an argument', /^[\x20-\x7e]*$/), 0)),
  /** A list of names alone would take values from outside. */
  environment: optional(mapOf(/^[A-Za-z_][A-Za-z0-9_]*$/, text('a value', /^[\x20-\x7e]*$/))),
  /** Named volumes and the agent's socket, in the short form. */
  volumes: optional(list(text('NAME:/PATH or NAME:/PATH:ro', /^[A-Za-z0-9/._-]+:\/[A-Za-z0-9/._-]*(?::r[ow])?$/))),
  ports: optional(
    list(text('a port or HOST:CONTAINER', /^(?:[0-9.]{7,15}:)?[0-9]{1,5}(?::[0-9]{1,5})?(?:\/(?:tcp|udp))?$/)),
  ),
  depends_on: optional(list(text('a service'))),
  restart: optional(oneOf('no', 'always', 'on-failure', 'unless-stopped')),
  read_only: optional(oneOf(true, false)),
  init: optional(oneOf(true, false)),
  /** What the sandbox of the server needs inside a container; it loosens the container towards its own guest only. */
  security_opt: optional(
    list(oneOf('seccomp=unconfined', 'apparmor=unconfined', 'systempaths=unconfined', 'no-new-privileges=true')),
  ),
});

const shape = object({
  services: mapOf(/^[a-z0-9][a-z0-9_-]{0,62}$/, service, 1),
  /** Without any options: these could make a volume of a folder of the guest. */
  volumes: optional(mapOf(/^[a-z0-9][a-z0-9_-]{0,62}$/, object({}))),
});

export type ComposeService = Infer<typeof service>;
export type ComposeFile = Infer<typeof shape>;
export const composeFileShape: Shape<ComposeFile> = shape;

/** Members that people write, and why they are refused. Members that stand in no list are refused as unknown. */
export const REFUSED_SERVICE_MEMBERS: Readonly<Record<string, string>> = {
  privileged: 'it would give the container the whole guest',
  pid: 'it would let one container look into another',
  ipc: 'it would let one container look into another',
  userns_mode: 'it would let one container look into another',
  network_mode: 'it would put the container into the network of the guest or of another container',
  cap_add: 'it would give the container rights over the guest',
  devices: 'it would give the container devices of the guest',
  device_cgroup_rules: 'it would give the container devices of the guest',
  volumes_from: 'it would share files between containers',
  entrypoint: 'it would start another program than the image’s own; what the image starts takes `command`',
  env_file: 'it would read values that nobody measured',
  extends: 'it would read another file, which nobody measured',
  build: 'it would make an image that nobody measured',
  configs: 'it would put files into the container that nobody measured',
  secrets: 'it would put files into the container that nobody measured',
  post_start: 'it would run commands beside the program of the image',
  pre_stop: 'it would run commands beside the program of the image',
  healthcheck: 'it would run commands beside the program of the image',
  develop: 'it would change files while the container runs',
};

export interface Refusal {
  readonly member: string;
  readonly why: string;
}

export const MANIFEST_VARIABLE = 'VITRINE_MANIFEST_DIGEST';

/** What a compose file of the right form says, or the first thing in it that may not be there. */
export function readServices(
  file: ComposeFile,
): { readonly enclave: string; readonly manifestDigest: string } | Refusal {
  const names = Object.keys(file.services);
  const found = names.filter((name) => mountsOf(file, name).some(({ source }) => AGENT_SOCKETS.includes(source)));
  const [enclave] = found;
  if (enclave === undefined || found.length > 1) {
    const why = `exactly one service has the socket of the guest agent, found ${found.join(', ') || 'none'}`;
    return { member: 'services', why };
  }
  for (const name of names) {
    const refused = refusedMount(file, name, name === enclave) ?? refusedSetting(file, name, name === enclave);
    if (refused !== undefined) return { member: `services.${name}.${refused.member}`, why: refused.why };
  }
  const manifestDigest = file.services[enclave]?.environment?.[MANIFEST_VARIABLE] ?? '';
  if (!/^[0-9a-f]{96}$/.test(manifestDigest)) {
    const why = 'expected the SHA-384 of the manifest as 96 lower-case hexadecimal digits';
    return { member: `services.${enclave}.environment.${MANIFEST_VARIABLE}`, why };
  }
  return { enclave, manifestDigest };
}

interface Mount {
  readonly source: string;
  readonly target: string;
}

function mountsOf({ services }: ComposeFile, name: string): readonly Mount[] {
  return (services[name]?.volumes ?? []).map((volume) => {
    const [source = '', target = ''] = volume.split(':');
    return { source, target };
  });
}

function refusedMount(file: ComposeFile, name: string, isEnclave: boolean): Refusal | undefined {
  for (const { source, target } of mountsOf(file, name)) {
    if (isEnclave && AGENT_SOCKETS.includes(source)) {
      if (!AGENT_SOCKETS.includes(target)) return { member: 'volumes', why: `the agent's socket at ${target}` };
      continue;
    }
    if (!Object.hasOwn(file.volumes ?? {}, source)) {
      return {
        member: 'volumes',
        why: `${source} is no named volume of this file, and folders of the guest stay there`,
      };
    }
    const others = Object.keys(file.services).filter((other) => other !== name);
    if (isEnclave && !DATA_FOLDERS.test(target)) {
      return { member: 'volumes', why: `${target} could hide code of the image; allowed: /data, /var/lib/vitrine` };
    }
    if (isEnclave && others.some((other) => mountsOf(file, other).some((mount) => mount.source === source))) {
      return { member: 'volumes', why: `volume ${source} is shared with another service` };
    }
  }
  return undefined;
}

function refusedSetting({ services }: ComposeFile, name: string, isEnclave: boolean): Refusal | undefined {
  const { environment = {}, depends_on: needed = [], security_opt: loosened } = services[name] ?? {};
  const missing = needed.find((one) => !Object.hasOwn(services, one));
  if (missing !== undefined) return { member: 'depends_on', why: `there is no service ${missing}` };
  if (isEnclave) {
    // Other variables reach the run-time: NODE_OPTIONS, LD_PRELOAD and their like start code of their own.
    const strange = Object.keys(environment).find((variable) => !variable.startsWith('VITRINE_'));
    return strange === undefined
      ? undefined
      : { member: `environment.${strange}`, why: 'the enclave takes variables that begin with VITRINE_ alone' };
  }
  if (loosened !== undefined) return { member: 'security_opt', why: 'only the enclave may have it' };
  return Object.hasOwn(environment, MANIFEST_VARIABLE)
    ? { member: `environment.${MANIFEST_VARIABLE}`, why: 'only the service with the agent’s socket may have it' }
    : undefined;
}
