/**
 * Starts the key service as a process of its own, and speaks for it to the rest of the enclave.
 *
 * The two are joined by the channel of Node, which has no name; servers' sockets are handed through it.
 * The service gets an empty environment, a session of its own, so that a Ctrl-C of the terminal does not
 * reach it, and ends when this process does, however that happens. No image of its memory is written.
 *
 * @module
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { devNull } from 'node:os';
import { createInterface } from 'node:readline';
import type { EvidenceService } from '@vitrine/attester';
import {
  type BootBinding,
  type DenyList,
  type EvidenceBundle,
  type KeyStatement,
  type Manifest,
  VitrineError,
} from '@vitrine/documents';
import type { HandoverExchange } from '../handover/receive-app-root.ts';
import type { GatewayAnswers, KeyService, SealedSecretReceipt } from '../service.ts';
import { deviceGroups } from './device-groups.ts';
import { holdSocket } from './hold-socket.ts';
import { inheritedDescriptors } from './inherited-descriptors.ts';
import { type IpcCalls, type IpcEnd, openIpc } from './ipc.ts';
import { CHANNEL, type KeydCommand, type KeydProgram, keydCommand } from './keyd-arguments.ts';
import { type ObtainedIsolation, standpoint } from './obtained.ts';
import { messageShapes, readMessage } from './protocol.ts';
import { prepareDirectory, type User } from './state-directory.ts';

export interface SpawnKeydOptions {
  /** Absolute path of Node. */
  readonly node: string;
  /** The program that calls `runKeyd` with the same directory. */
  readonly main: KeydProgram;
  /** Absolute path of `bwrap`; absent: an ordinary process with the network of this one. */
  readonly bubblewrap?: string;
  /** Where the service keeps its state; made, and as root given to the service's user. */
  readonly directory: string;
  /** Further directories that it may write, treated the same, such as the state of a simulator. */
  readonly writable?: readonly string[];
  /** Absolute paths of what only it may use of the platform: devices, sockets, folders of the kernel. */
  readonly devices?: readonly string[];
  /**
   * Whether it has to stay root, without any capability, where it is started by root: what it uses of the platform
   * is given to root and to nobody else.
   */
  readonly staysRoot?: boolean;
  /** Absolute paths of its code. */
  readonly readable: readonly string[];
  /**
   * Whom the service becomes where this process is root. When absent, {@link KEYD_USER} with bubblewrap, and
   * nobody without: hosted servers are root then too, and another user could not get to root's own directories.
   */
  readonly user?: User;
  readonly manifest: Manifest;
  /** Whether an application root may be made where there is none. */
  readonly genesis: boolean;
  /** Admits the manifest where the root is wrapped for a former one: a release, parsed from JSON. */
  readonly release?: unknown;
  /** The root comes from a running enclave: how to reach it, and which root it has to be. Excludes `genesis`. */
  readonly handover?: { readonly exchange: HandoverExchange; readonly expectAppRoot?: string };
  /** Who must not have the root in a hand-over. */
  readonly denyLists?: readonly DenyList[];
  /** Each line that the service writes for people. */
  readonly onLog: (line: string) => void;
}

/** The key service with what only a process has. */
export interface SpawnedKeyService extends KeyService {
  readonly obtained: ObtainedIsolation;
  /** There exactly where the manifest needs one. */
  readonly appRoot?: { readonly id: string; readonly isNew: boolean };
  /** Of the process that was started: bubblewrap where there is one. */
  readonly pid: number;
}

/** What a service says of itself when it has started. */
export interface Started {
  readonly statements: readonly KeyStatement[];
  readonly survivesRestart: boolean;
  readonly obtained: ObtainedIsolation;
  /** Whether it hands its root over to others. */
  readonly handsOver: boolean;
  readonly appRoot?: { readonly id: string; readonly isNew: boolean };
}

/** In a range that neither systems nor their users take. */
export const KEYD_USER: User = { uid: 64_123, gid: 64_123 };

const ROOT_USER: User = { uid: 0, gid: 0 };

const START_SCRIPT = 'ulimit -c 0 || exit 126; exec "$@"';
const CLOSE_MS = 5_000;
/** Enough to say why it did not start. */
const LINES_KEPT = 5;

/**
 * Resolves when the service has opened its keys.
 *
 * @throws UsageError or VitrineError as the service throws them for its manifest and state, and
 *   `keys.service-ended` with the last lines that it wrote.
 */
export async function spawnKeyd(options: SpawnKeydOptions): Promise<SpawnedKeyService> {
  const isRoot = process.getuid?.() === 0;
  const ownUser = options.user ?? (options.bubblewrap === undefined ? undefined : KEYD_USER);
  const staysRoot = isRoot && options.staysRoot === true;
  const user = isRoot && !staysRoot ? ownUser : undefined;
  // Without capabilities, root cannot read what an earlier start gave to the service's user.
  const owner = staysRoot ? ROOT_USER : user;
  const writable = await Promise.all(
    [options.directory, ...(options.writable ?? [])].map((directory) => prepareDirectory(directory, owner)),
  );
  const groups = user === undefined ? [] : await deviceGroups(options.devices ?? []);
  const child = start(await commandOf(options, writable, { isRoot, changesUser: user !== undefined }));
  const lines = keepLines(child, options.onLog);
  const life = watch(child, lines);
  let gateway: GatewayAnswers | undefined;
  const ipc = openIpc(child as IpcEnd, {
    runningTools: (instance) => gateway?.runningTools(readMessage(messageShapes.name, instance)) ?? [],
    confirm: (argument, _handle, signal) => {
      const { instance, question } = argument as { readonly instance: string; readonly question: string };
      return gateway?.confirm(instance, question, signal) ?? 'unavailable';
    },
    exchange: async (message) => {
      const { handover } = options;
      if (handover === undefined) throw new VitrineError('keys.protocol', 'there is nobody to ask for a root');
      const { answer, ...more } = await handover.exchange(readMessage(messageShapes.message, message));
      return { message: answer, ...more };
    },
  });
  try {
    // The other side is this same release: what it answers has the types that it was written with.
    const started = (await ipc.call('start', {
      manifest: options.manifest,
      genesis: options.genesis,
      ...(options.release === undefined ? {} : { release: options.release }),
      ...(options.handover === undefined ? {} : { handover: expected(options.handover) }),
      ...(user === undefined ? {} : { user }),
      ...(groups.length === 0 ? {} : { groups }),
      ...(options.denyLists === undefined ? {} : { denyLists: options.denyLists }),
      starter: standpoint(),
    })) as Started;
    const { handsOver, ...said } = started;
    return {
      ...said,
      ...speakFor(child, ipc, life),
      ...(handsOver ? { handover: handoverOf(ipc) } : {}),
      attend: (answers) => (gateway = answers),
    };
  } catch (error) {
    await life.end(ipc);
    if (!(error instanceof VitrineError) || error.code !== 'keys.service-ended') throw error;
    const said = lines.kept.length === 0 ? '' : `: ${lines.kept.join(' / ')}`;
    throw new VitrineError('keys.service-ended', `the key service did not start${said}`, { cause: error });
  }
}

function expected({ expectAppRoot }: NonNullable<SpawnKeydOptions['handover']>): { readonly expectAppRoot?: string } {
  return expectAppRoot === undefined ? {} : { expectAppRoot };
}

function handoverOf(ipc: IpcCalls): NonNullable<KeyService['handover']> {
  return {
    answer: async (message, endorsements) => {
      const more = endorsements === undefined ? {} : { endorsements };
      return (await ipc.call('handover', { message, ...more })) as string;
    },
  };
}

async function commandOf(
  options: SpawnKeydOptions,
  writable: readonly string[],
  who: Pick<KeydCommand, 'isRoot' | 'changesUser'>,
): Promise<readonly string[]> {
  const links = new Set<string>();
  for (const path of ['/bin', '/lib', '/lib64']) {
    if (
      await lstat(path).then(
        (entry) => entry.isSymbolicLink(),
        () => false,
      )
    )
      links.add(path);
  }
  const { main, bubblewrap } = options;
  const command = {
    node: await realpath(options.node),
    main,
    writable,
    readable: options.readable,
    devices: options.devices ?? [],
    ...who,
    ...(bubblewrap === undefined ? {} : { bubblewrap }),
  };
  return keydCommand(command, (path) => links.has(path));
}

function start([program = '', ...args]: readonly string[]): ChildProcess {
  const hasShell = process.platform !== 'win32';
  return spawn(hasShell ? '/bin/sh' : program, hasShell ? ['-c', START_SCRIPT, 'sh', program, ...args] : args, {
    cwd: '/',
    env: {},
    shell: false,
    detached: true,
    serialization: 'advanced',
    stdio: stdio(),
  });
}

let nothing: number | undefined;

function stdio(): StdioOptions {
  const all: (number | 'ignore' | 'pipe' | 'ipc')[] = ['ignore', 'ignore', 'pipe', 'ipc'];
  for (const descriptor of inheritedDescriptors()) {
    if (descriptor <= CHANNEL) continue;
    nothing ??= openSync(devNull, 'r');
    all[descriptor] = nothing;
  }
  return Array.from(all, (one) => one ?? 'ignore');
}

interface Lines {
  /** The last ones. */
  readonly kept: readonly string[];
  readonly ended: Promise<void>;
}

function keepLines(child: ChildProcess, onLog: (line: string) => void): Lines {
  const kept: string[] = [];
  const { stderr } = child;
  if (stderr === null) return { kept, ended: Promise.resolve() };
  const reader = createInterface({ input: stderr });
  reader.on('line', (line) => {
    if (kept.push(line) > LINES_KEPT) kept.shift();
    onLog(line);
  });
  return { kept, ended: new Promise((resolve) => void reader.once('close', resolve)) };
}

interface Life {
  readonly failed: Promise<Error>;
  end(ipc: IpcCalls): Promise<void>;
}

/** Node's own `close` event does not come where this side closed the channel. */
function watch(child: ChildProcess, lines: Lines): Life {
  let ending: Promise<void> | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => void lines.ended.then(() => resolve(signal ?? `exit code ${code}`)));
    child.once('error', (error) => resolve(error.message));
  });
  const failed = new Promise<Error>((resolve) => {
    void exited.then((how) => {
      if (ending !== undefined) return;
      resolve(new VitrineError('keys.service-ended', `the key service has ended by itself: ${how}`));
    });
  });
  const end = async (ipc: IpcCalls): Promise<void> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS);
    await ipc.call('close', undefined).catch(() => undefined);
    if (child.connected) child.disconnect();
    await exited;
    clearTimeout(timer);
  };
  return { failed, end: (ipc) => (ending ??= end(ipc)) };
}

function speakFor(
  child: ChildProcess,
  ipc: IpcCalls,
  life: Life,
): Omit<SpawnedKeyService, keyof Started | 'attend' | 'handover'> {
  return {
    pid: child.pid ?? 0,
    failed: life.failed,
    close: () => life.end(ipc),
    bind: async (what) => {
      const bootBinding = (await ipc.call('bind', what)) as BootBinding;
      const service: EvidenceService = {
        bootBinding,
        boot: async () => (await ipc.call('boot', undefined)) as EvidenceBundle,
        channel: async (request) => (await ipc.call('channel', request)) as EvidenceBundle,
      };
      return Object.freeze(service);
    },
    admit: async ({ id, principal, isolated }, socket) => {
      holdSocket(socket);
      await ipc.call('admit', { id, principal, isolated }, socket);
      // It is of no use any more, and a process counts as closed only when its sockets are.
      socket.destroy();
    },
    dismiss: (instance) => void ipc.call('dismiss', instance).catch(() => undefined),
    volumeKey: async (volume) => (await ipc.call('volumeKey', volume)) as Uint8Array,
    credential: async (name) => (await ipc.call('credential', name)) as string | undefined,
    acceptSecret: async (sealed) => (await ipc.call('acceptSecret', sealed)) as SealedSecretReceipt,
    rewrap: async () => void (await ipc.call('rewrap', undefined)),
    signReceipt: async (payload) => (await ipc.call('signReceipt', payload)) as string,
  };
}
