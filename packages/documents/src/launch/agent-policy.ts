/**
 * The policy that Kata's agent enforces inside a pod of Confidential Containers: which of the host's requests it
 * obeys. It is small on purpose. Everything is denied by default; containers are created only from named images by
 * digest, with the command, folder and environment that stand here, on the file system that the guest itself pulled,
 * without hooks, devices or mounts over code. Nobody executes into a container, reads what it prints, writes to it or
 * sets another policy. Of files the host brings only those that a container has of its network and its end, as regular
 * files straight in their folder: the agent makes a link wherever it is told to, and writes through it.
 *
 * A policy is read back by rendering it again from what it names: text that differs in one byte is none of ours.
 *
 * Kata Containers, agent policy (`agent_policy`; Rego); members of requests as in `agent.proto` and `oci.proto`.
 *
 * @module
 */
import { canonicalBytes } from '../canonical.ts';
import { type Infer, list, object, showPath, text } from '../shape.ts';
import { type JsonValue, parseStrictJson } from '../strict-json.ts';
import { LaunchError } from './launch-error.ts';

const PRINTABLE = /^[\x20-\x7e]*$/;

const agentImage = object({
  /** By digest: a tag could be another image tomorrow. */
  image: text('an image by digest, …@sha256:…', /^[a-z0-9][a-z0-9._:/-]{0,255}@sha256:[0-9a-f]{64}$/),
  /** The whole command line of the container, program first. */
  command: list(text('an argument', PRINTABLE)),
  /** The folder that it starts in. */
  directory: text('an absolute path', /^\/[A-Za-z0-9._/-]*$/),
  /** `NAME=value` as the container gets them; beside these only what Kubernetes itself adds. */
  environment: list(text('NAME=value', /^[A-Za-z_][A-Za-z0-9_]*=[\x20-\x7e]*$/), 0),
});

const imagesShape = list(agentImage);

export type AgentImage = Infer<typeof agentImage>;

export interface AgentPolicyTerms {
  readonly images: readonly AgentImage[];
}

const DATA = 'images := ';

const HEAD = `package agent_policy

import future.keywords.every
import future.keywords.if
import future.keywords.in

default AllowRequestsFailingPolicy := false
default CopyFileRequest := false
default CreateContainerRequest := false
default CreateSandboxRequest := false
default ExecProcessRequest := false
default ReadStreamRequest := false
default SetPolicyRequest := false
default WriteStreamRequest := false

default AddARPNeighborsRequest := true
default CloseStdinRequest := true
default DestroySandboxRequest := true
default GetOOMEventRequest := true
default GuestDetailsRequest := true
default ListInterfacesRequest := true
default ListRoutesRequest := true
default OnlineCPUMemRequest := true
default RemoveContainerRequest := true
default SignalProcessRequest := true
default StartContainerRequest := true
default StatsContainerRequest := true
default UpdateContainerRequest := true
default UpdateInterfaceRequest := true
default UpdateRoutesRequest := true
default WaitProcessRequest := true

`;

const RULES = `
CreateSandboxRequest if {
  input.guest_hook_path == ""
  count(input.kernel_modules) == 0
  every storage in input.storages {
    storage.driver == "ephemeral"
    storage.mount_point == "/run/kata-containers/sandbox/shm"
  }
}

CopyFileRequest if {
  regex.match("^/run/kata-containers/shared/containers/(passthrough/)?[A-Za-z0-9-]+-(hostname|hosts|resolv[.]conf|termination-log)$", input.path)
  input.file_mode >= 32768
  input.file_mode <= 36863
}

CreateContainerRequest if {
  own_root
  some image in images
  input.storages[0].source == image.image
  input.OCI.Process.Args == image.command
  input.OCI.Process.Cwd == image.directory
  every variable in input.OCI.Process.Env { known_variable(image, variable) }
}

CreateContainerRequest if {
  own_root
  input.storages[0].source == "pause"
  count(input.storages[0].driver_options) == 1
  count(split(input.storages[0].driver_options[0], "container-type")) == 2
  not contains(input.storages[0].driver_options[0], "\\\\u")
  contains(input.storages[0].driver_options[0], "\\"io.kubernetes.cri.container-type\\":\\"sandbox\\"")
  input.OCI.Process.Args == ["/pause"]
}

own_root if {
  regex.match("^[0-9a-f]{64}$", input.container_id)
  root := concat("/", ["/run/kata-containers", input.container_id, "rootfs"])
  input.OCI.Root.Path == root
  count(input.storages) == 1
  input.storages[0].driver == "image_guest_pull"
  input.storages[0].mount_point == root
  count(input.storages[0].options) == 0
  count(input.devices) == 0
  count(input.shared_mounts) == 0
  is_null(input.OCI.Hooks)
  every mount in input.OCI.Mounts { known_mount(mount) }
}

known_mount(mount) if {
  mount.destination in {"/dev/shm", "/dev/termination-log", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
}

known_mount(mount) if {
  mount.destination in {"/dev", "/dev/mqueue", "/dev/pts", "/proc", "/sys", "/sys/fs/cgroup"}
  mount.type_ in {"cgroup", "cgroup2", "devpts", "mqueue", "proc", "sysfs", "tmpfs"}
}

known_variable(image, variable) if {
  variable in image.environment
}

known_variable(_, variable) if {
  regex.match("^(HOSTNAME|KUBERNETES_[A-Z0-9_]+)=[A-Za-z0-9.:/_-]*$", variable)
}
`;

/**
 * Writes the policy for these images.
 *
 * @throws LaunchError for terms that no policy can be made of.
 */
export function renderAgentPolicy({ images }: AgentPolicyTerms): string {
  const parsed = imagesShape.parse(images);
  if (!parsed.ok) {
    const [issue] = parsed.issues;
    throw refused(`${showPath(['images', ...(issue?.path ?? [])])}: ${issue?.message ?? 'malformed'}`);
  }
  return `${HEAD}${DATA}${new TextDecoder().decode(canonicalBytes(parsed.value))}\n${RULES}`;
}

/**
 * Reads a policy that {@link renderAgentPolicy} made.
 *
 * @throws LaunchError for any other text.
 */
export function parseAgentPolicy(policy: string): AgentPolicyTerms {
  const line = policy.split('\n').find((one) => one.startsWith(DATA));
  if (line === undefined) throw refused('it names no images');
  let data: JsonValue;
  try {
    data = parseStrictJson(line.slice(DATA.length));
  } catch (cause) {
    throw refused('what it names as images is not strict JSON', cause);
  }
  const parsed = imagesShape.parse(data);
  if (!parsed.ok) throw refused('what it names as images is none');
  const terms = { images: parsed.value };
  if (renderAgentPolicy(terms) !== policy) throw refused('it is not the policy that Vitrine makes for these images');
  return terms;
}

function refused(why: string, cause?: unknown): LaunchError {
  return new LaunchError('init-data', 'data."policy.rego"', why, cause === undefined ? undefined : { cause });
}
