/**
 * A sandbox for each server process: files of its principal, the measured code read-only, and as the only
 * way out an egress proxy of its own.
 *
 * @module
 */
import { once } from 'node:events';
import { link, mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { KEY_SOCKET, KEY_SOCKET_VARIABLE } from '@vitrine/keys/client';
import type { EgressRule } from '../egress/allow-list.ts';
import type { EgressCredentials } from '../egress/credential-egress.ts';
import { type EgressProxy, openEgressProxy } from '../egress/egress-proxy.ts';
import { type Mount, type SandboxPlan, SOCKETS_INSIDE } from '../sandbox/bubblewrap.ts';
import type { ControlGroup, ControlGroups, GroupLimits } from '../sandbox/control-group.ts';
import { isLink } from '../sandbox/probe.ts';
import type { RelayTask } from '../sandbox/relay-inside.ts';
import type { FilterArchitecture } from '../sandbox/seccomp.ts';
import { LISTENER, SIGNER, spawnBubblewrap } from '../sandbox/spawn-bubblewrap.ts';
import type { House, Housing, ServerTemplate } from './housing.ts';
import type { NodeLibraries } from './node-libraries.ts';
import type { Volumes } from './volumes.ts';

export interface SandboxedHousingOptions {
  readonly template: ServerTemplate;
  readonly bubblewrap: string;
  /** `undefined`: there is no system call filter for this processor. */
  readonly architecture: FilterArchitecture | undefined;
  /** `undefined`: there are no control groups here. */
  readonly groups: ControlGroups | undefined;
  readonly limits: GroupLimits;
  readonly egress: readonly EgressRule[];
  /** Hosts that are reached with a credential only. */
  readonly credentials?: EgressCredentials;
  /** Whether `onLog` hears the names of destinations that no rule names. */
  readonly tellsDestinations: boolean;
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Files of principals on an encrypted disk; absent: in memory. */
  readonly volumes?: Volumes;
  /** A short-lived directory of this process, for sockets. Its path has to be short. */
  readonly runDirectory: string;
  /** The Node that runs the relay inside. */
  readonly node: string;
  /** What that Node needs where the root is an image, which has none of it. */
  readonly nodeLibraries: () => NodeLibraries;
  /** Whether servers get a socket to the key service. */
  readonly keySocket: boolean;
  /** A JSON-RPC signer beside each server; absent: none. */
  readonly signer?: SignerSettings;
  readonly onLog: (line: string) => void;
}

export interface SignerSettings {
  /** Of the server's own loopback interface. */
  readonly port: number;
  /** The key that it signs with. */
  readonly key: string;
  /** Absolute path of the program. Of what is beside it, it may import modules. */
  readonly program: string;
}

const DATA = '/data';
const OWN_INSIDE = '/opt/vitrine';
const NODE_INSIDE = '/opt/vitrine/node';
/** `.ts` from source, `.js` when packed. */
const EXTENSION: string = path.extname(fileURLToPath(import.meta.url));
const RELAY_SOURCE: string = path.join(import.meta.dirname, '..', 'sandbox', `relay-inside${EXTENSION}`);
const RELAY_INSIDE: string = `/opt/vitrine/relay-inside${EXTENSION}`;
const SIGNER_INSIDE = '/opt/vitrine/signer';
const EGRESS_SOCKET = 'egress.sock';
const HTTP_SOCKET = 'http.sock';
/** Where programs that know nothing of Vitrine find the signer. */
const SIGNER_VARIABLE = 'VITRINE_SIGNER_URL';
/** Where programs inside find the egress proxy. */
const EGRESS_PORT = 3128;
/** Files in memory count as memory; half of the limit leaves room for the program. */
const DEFAULT_DATA_BYTES = 256 << 20;

export function sandboxedHousing(options: SandboxedHousingOptions): Housing {
  const { template, groups, volumes } = options;
  /** Houses of servers that have ended, being cleared. */
  const clearing = new Set<Promise<void>>();
  return {
    obtained: {
      process: 'bwrap',
      seccomp: options.architecture !== undefined,
      cgroup: groups !== undefined,
      volume: volumes === undefined ? 'ephemeral' : 'encrypted',
    },
    keySockets: keySocketsOf(options),
    house: (principal) => build(options, principal),
    async close() {
      await Promise.all(clearing);
      await volumes?.close();
      // What still holds something stays.
      for (const one of [path.join(options.runDirectory, 'volumes'), options.runDirectory]) {
        await rmdir(one).catch(() => undefined);
      }
    },
  };

  async function build(of: SandboxedHousingOptions, principal: string): Promise<House> {
    const undo: (() => unknown)[] = [];
    const clear = async (): Promise<void> => {
      for (const step of undo.splice(0).reverse()) {
        await Promise.resolve()
          .then(step)
          .catch((error: unknown) => of.onLog(`sandbox: ${error instanceof Error ? error.message : String(error)}`));
      }
    };
    const dispose = (): Promise<void> => {
      const cleared = clear();
      clearing.add(cleared);
      return cleared.finally(() => clearing.delete(cleared));
    };
    try {
      return await furnish(of, principal, undo, dispose);
    } catch (error) {
      await dispose();
      throw error;
    }
  }

  async function furnish(
    of: SandboxedHousingOptions,
    principal: string,
    undo: (() => unknown)[],
    dispose: () => Promise<void>,
  ): Promise<House> {
    const needsRelay = hasWayOut(of) || template.httpPort !== undefined || of.signer !== undefined;
    const sockets = needsRelay ? await socketDirectory(of.runDirectory, undo) : undefined;
    const listener = sockets === undefined || template.httpPort === undefined ? undefined : await wayIn(sockets, undo);
    const egress = sockets !== undefined && hasWayOut(of) ? await wayOut(of, sockets, undo) : undefined;
    const group = groups?.create(of.limits);
    if (group !== undefined) undo.push(() => group.remove());
    const volume = await volumes?.open(principal);
    if (volume !== undefined) undo.push(() => volume.release());
    const plan = planOf(of, sockets, volume?.directory);
    return {
      start: () =>
        spawnBubblewrap(
          {
            bubblewrap: of.bubblewrap,
            architecture: of.architecture,
            plan,
            sockets: keySocketsOf(of),
            ...(group === undefined ? {} : { joinFiles: group.joinFiles }),
            ...(listener === undefined ? {} : { listener }),
          },
          isLink,
        ),
      ...(sockets === undefined || template.httpPort === undefined
        ? {}
        : { http: { port: template.httpPort, socketPath: path.join(sockets, HTTP_SOCKET) } }),
      egress: () => egress?.counts() ?? new Map(),
      verdict: () => verdictOf(group),
      dispose,
    };
  }
}

/** Whether servers can reach anything. */
function hasWayOut({ egress, credentials }: SandboxedHousingOptions): boolean {
  return egress.length > 0 || credentials !== undefined;
}

/** The signer's is another one, so that it is never shared with the server. */
function keySocketsOf({ keySocket, signer }: SandboxedHousingOptions): readonly number[] {
  return [...(keySocket ? [KEY_SOCKET] : []), ...(signer === undefined ? [] : [SIGNER])];
}

async function socketDirectory(base: string, undo: (() => unknown)[]): Promise<string> {
  await mkdir(base, { recursive: true, mode: 0o700 });
  const made = await mkdtemp(path.join(base, 's-'));
  undo.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function wayOut(of: SandboxedHousingOptions, sockets: string, undo: (() => unknown)[]): Promise<EgressProxy> {
  const proxy = await openEgressProxy({
    socket: path.join(sockets, EGRESS_SOCKET),
    rules: of.egress,
    ...(of.credentials === undefined ? {} : { credentials: of.credentials }),
    resolve: of.resolve,
    tellsDestinations: of.tellsDestinations,
    onRefusal: of.onLog,
  });
  undo.push(() => proxy.close());
  return proxy;
}

/**
 * A socket for the relay inside to take connections on. It is made here, in a directory that is read-only
 * inside, because the gateway connects to its name: a server that could put a symbolic link there would
 * choose whom the gateway speaks to.
 */
async function wayIn(sockets: string, undo: (() => unknown)[]): Promise<Server> {
  // Node removes the name that it made when it closes its copy.
  const made = path.join(sockets, 'made');
  const listener = createServer().listen(made);
  undo.push(() => listener.close());
  await once(listener, 'listening');
  await link(made, path.join(sockets, HTTP_SOCKET));
  return listener;
}

function planOf(of: SandboxedHousingOptions, sockets: string | undefined, volume: string | undefined): SandboxPlan {
  const { template } = of;
  const runtime = sockets === undefined ? undefined : relayRuntime(of);
  const task: RelayTask = {
    ...(!hasWayOut(of) ? {} : { egress: { port: EGRESS_PORT, socket: `${SOCKETS_INSIDE}/${EGRESS_SOCKET}` } }),
    ...(template.httpPort === undefined ? {} : { http: { port: template.httpPort, descriptor: LISTENER } }),
    ...(of.keySocket ? { keySocket: KEY_SOCKET } : {}),
    ...(of.signer === undefined || runtime === undefined ? {} : { signer: signerOf(of.signer, runtime) }),
  };
  const [command = '', ...args] = [
    ...(runtime === undefined ? [] : [...runtime.command, RELAY_INSIDE, JSON.stringify(task)]),
    template.command,
    ...template.args,
  ];
  return {
    root: template.root === undefined ? { kind: 'system' } : { kind: 'image', directory: template.root },
    readOnly: [...template.readable.map((one) => ({ from: one, to: one })), ...(runtime?.mounts ?? [])],
    ...(template.root === undefined || runtime === undefined ? {} : { empty: [OWN_INSIDE] }),
    data:
      volume === undefined
        ? { kind: 'memory', bytes: dataBytes(of.limits), at: DATA }
        : { kind: 'directory', from: volume, at: DATA },
    ...(sockets === undefined ? {} : { sockets }),
    command,
    args,
    workingDirectory: template.workingDirectory ?? DATA,
    environment: environmentOf(of),
  };
}

/**
 * This Node, for the relay. In the root of an image it comes with its own libraries and is started by their
 * loader, so that it does not matter which C library the image has.
 */
function relayRuntime({ template, node, nodeLibraries, signer }: SandboxedHousingOptions): RelayRuntime {
  const own: readonly Mount[] = [
    { from: node, to: NODE_INSIDE },
    { from: RELAY_SOURCE, to: RELAY_INSIDE },
    ...(signer === undefined ? [] : [{ from: path.dirname(signer.program), to: SIGNER_INSIDE }]),
  ];
  if (template.root === undefined) return { mounts: own, command: [NODE_INSIDE] };
  const { loader, libraries } = nodeLibraries();
  const inside = (file: string): string => `${OWN_INSIDE}/lib/${path.basename(file)}`;
  return {
    mounts: [...own, ...[loader, ...libraries].map((file) => ({ from: file, to: inside(file) }))],
    command: [inside(loader), '--library-path', `${OWN_INSIDE}/lib`, NODE_INSIDE],
  };
}

function signerOf({ port, key, program }: SignerSettings, { command }: RelayRuntime): NonNullable<RelayTask['signer']> {
  const task = JSON.stringify({ port, key, descriptor: SIGNER });
  return { command: [...command, `${SIGNER_INSIDE}/${path.basename(program)}`, task], descriptor: SIGNER };
}

interface RelayRuntime {
  readonly mounts: readonly Mount[];
  readonly command: readonly string[];
}

/** The base of `launch-environment.ts` as it is in a sandbox, and the way out. */
function environmentOf(of: SandboxedHousingOptions): Readonly<Record<string, string>> {
  const { template, keySocket, signer } = of;
  const own = template.root === undefined ? [path.dirname(template.command)] : [];
  const proxy = `http://127.0.0.1:${EGRESS_PORT}`;
  return {
    PATH: [...new Set([...own, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'])].join(
      ':',
    ),
    HOME: DATA,
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    ...(!hasWayOut(of)
      ? {}
      : {
          HTTP_PROXY: proxy,
          HTTPS_PROXY: proxy,
          http_proxy: proxy,
          https_proxy: proxy,
          NO_PROXY: 'localhost,127.0.0.1,::1',
          no_proxy: 'localhost,127.0.0.1,::1',
          NODE_USE_ENV_PROXY: '1',
        }),
    ...template.environment,
    ...(keySocket ? { [KEY_SOCKET_VARIABLE]: `fd:${KEY_SOCKET}` } : {}),
    ...(signer === undefined ? {} : { [SIGNER_VARIABLE]: `http://127.0.0.1:${signer.port}` }),
  };
}

function dataBytes({ memory }: GroupLimits): number {
  return memory === undefined ? DEFAULT_DATA_BYTES : Math.min(DEFAULT_DATA_BYTES, Math.floor(memory / 2));
}

function verdictOf(group: ControlGroup | undefined): string | undefined {
  return group !== undefined && group.outOfMemory() > 0
    ? 'was ended because it used more memory than it may'
    : undefined;
}
