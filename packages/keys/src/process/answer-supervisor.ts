/**
 * The key service's process, from inside: becomes its own user, opens its keys, and answers the supervisor
 * until it has gone. What it does with keys is not here.
 *
 * Everything this process needs of its code is loaded before it changes its user. Whatever ends the
 * supervisor ends it; a signal of a terminal does not, since the supervisor first ends the servers.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import type { EvidenceService } from '@vitrine/attester';
import {
  type DenyList,
  type Manifest,
  manifestDigest,
  manifestShape,
  showPath,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import { denialIn } from '@vitrine/verifier';
import type { HandoverExchange } from '../handover/receive-app-root.ts';
import type { Keyd, KeydOptions } from '../keyd/contract.ts';
import type { Platform } from '../keyd/platform.ts';
import type { Confirmation } from '../service.ts';
import { type IpcCalls, type IpcEnd, openIpc } from './ipc.ts';
import { measureIsolation } from './obtained.ts';
import { messageShapes, readMessage } from './protocol.ts';
import type { Started } from './spawn-keyd.ts';
import type { User } from './state-directory.ts';
import { tellFailures } from './tell-failures.ts';

export interface RunKeydOptions {
  /** Opens devices that only root may open; called once, before the service becomes its own user. */
  readonly prepare?: () => Promise<void>;
  /** Opens the platform for a manifest; called once, as the service's own user. */
  readonly platform: (manifestDigest: string, manifest: Manifest) => Promise<Platform>;
  /** Where the state is kept. */
  readonly directory: string;
}

/** How long the supervisor's end waits for what is being written. */
const CLOSE_MS = 2_000;
const INTERNAL_ERROR = 5;

type Open = (options: KeydOptions) => Promise<Keyd>;

/** Runs until the supervisor has gone; it must have been started by `spawnKeyd`. */
export function answerSupervisor(options: RunKeydOptions, openKeyd: Open): void {
  if (process.send === undefined) {
    throw new UsageError('keys.process', 'the key service is started by vitrine run, and by nothing else');
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
  process.on('uncaughtException', (error) => {
    // The text of a foreign error could hold anything.
    process.stderr.write(`the key service has failed: ${error instanceof VitrineError ? error.code : error.name}\n`);
    process.exit(INTERNAL_ERROR);
  });
  process.umask(0o077);

  const told = tellFailures((line) => process.stderr.write(`${line}\n`));
  let isStarted = false;
  let opening: Promise<Keyd> | undefined;
  let binding: Promise<EvidenceService> | undefined;
  const keyd = (): Promise<Keyd> => opening ?? Promise.reject(new VitrineError('keys.protocol', 'nothing is started'));
  const evidence = (): Promise<EvidenceService> =>
    binding ?? Promise.reject(new VitrineError('keys.protocol', 'nothing is bound'));

  const ipc: IpcCalls = openIpc(process as IpcEnd, {
    start: async (argument) => {
      const { manifest, user, groups, starter, ...how } = readMessage(messageShapes.start, argument);
      if (isStarted) throw new VitrineError('keys.protocol', 'started already');
      isStarted = true;
      if (user !== undefined && groups !== undefined) process.setgroups?.([...groups]);
      await options.prepare?.();
      if (user !== undefined) become(user);
      if (user !== undefined && process.getuid?.() === 0)
        throw new VitrineError('keys.protocol', 'the key service is still root');
      const { handover, denyLists, ...asked } = how;
      const receives = handover && { handover: { ...handover, exchange: exchangeBehind(ipc) } };
      opening = open(openKeyd, options, readManifest(manifest), { ...asked, ...receives, ...deniedBy(denyLists) });
      const opened = await opening;
      opened.attend(gatewayBehind(ipc));
      void opened.outdated.then(({ message }) => process.stderr.write(`${message}\n`));
      const { statements, survivesRestart, appRoot } = opened;
      const started: Started = {
        statements,
        survivesRestart,
        obtained: measureIsolation(starter),
        handsOver: opened.handover !== undefined,
        ...(appRoot === undefined ? {} : { appRoot }),
      };
      return started;
    },
    bind: async (argument) => {
      const what = readMessage(messageShapes.bind, argument);
      const opened = await keyd();
      if (binding !== undefined) throw new VitrineError('keys.protocol', 'bound already');
      binding = opened.bind(what);
      return (await binding).bootBinding;
    },
    boot: () => told(async () => (await evidence()).boot()),
    channel: async (argument) => {
      const request = readMessage(messageShapes.channel, argument);
      return told(async () => (await evidence()).channel(request));
    },
    admit: async (argument, handle) => {
      const instance = readMessage(messageShapes.instance, argument);
      if (!(handle instanceof Socket)) throw new VitrineError('keys.protocol', 'a server comes with its socket');
      // Until somebody listens, what it reads is kept.
      handle.pause();
      (await keyd()).admit(instance, handle);
      handle.resume();
    },
    rewrap: async () => (await keyd()).rewrap(),
    dismiss: async (argument) => (await keyd()).dismiss(readMessage(messageShapes.name, argument)),
    volumeKey: async (argument) => (await keyd()).volumeKey(readMessage(messageShapes.name, argument)),
    credential: async (argument) => (await keyd()).credential(readMessage(messageShapes.name, argument)),
    handover: async (argument) => {
      const { message, endorsements } = readMessage(messageShapes.handover, argument);
      const { handover } = await keyd();
      if (handover === undefined) throw new VitrineError('keys.protocol', 'nothing is handed over here');
      return handover.answer(message, endorsements);
    },
    acceptSecret: async (argument) => (await keyd()).acceptSecret(argument),
    signReceipt: async (argument) => (await keyd()).signReceipt(readMessage(messageShapes.payload, argument)),
    close: async () => (await opening)?.close(),
  });

  process.once('disconnect', () => {
    setTimeout(() => process.exit(), CLOSE_MS).unref();
    const closed = opening?.then((opened) => opened.close()) ?? Promise.resolve();
    void closed.catch(() => undefined).finally(() => process.exit());
  });
}

async function open(
  openKeyd: Open,
  options: RunKeydOptions,
  manifest: Manifest,
  how: Pick<KeydOptions, 'genesis' | 'release' | 'handover' | 'denied'>,
): Promise<Keyd> {
  return openKeyd({
    manifest,
    platform: await options.platform(await manifestDigest(manifest), manifest),
    directory: options.directory,
    ...how,
    now: () => new Date(),
    monotonic: () => performance.now(),
    randomBytes: (length) => Uint8Array.from(randomBytes(length)),
  });
}

/** The operator's lists can only refuse more, so who signed them is not asked here. */
function deniedBy(lists: readonly DenyList[] | undefined): Pick<KeydOptions, 'denied'> {
  return lists === undefined ? {} : { denied: (receiver) => denialIn(lists, receiver) };
}

function readManifest(value: unknown): Manifest {
  const parsed = manifestShape.parse(value);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  throw new UsageError('keys.manifest', `${showPath(issue?.path ?? [])}: ${issue?.message ?? 'malformed'}`);
}

/** The order matters: whoever has given up the user cannot give up groups any more. */
function become({ uid, gid }: User): void {
  if (process.getuid?.() !== 0) throw new VitrineError('keys.protocol', 'only root becomes somebody else');
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

/** The network, as far as a hand-over needs it: the supervisor carries messages and is trusted with none. */
function exchangeBehind(ipc: IpcCalls): HandoverExchange {
  return async (message) => {
    const { message: answer, ...more } = readMessage(messageShapes.handover, await ipc.call('exchange', message));
    return { answer, ...more };
  };
}

function gatewayBehind(ipc: IpcCalls): Parameters<Keyd['attend']>[0] {
  return {
    runningTools: async (instance) => {
      const tools = await ipc.call('runningTools', instance);
      return Array.isArray(tools) ? tools.filter((tool) => typeof tool === 'string') : [];
    },
    confirm: async (instance, question, signal): Promise<Confirmation> => {
      const said = await ipc.call('confirm', { instance, question }, undefined, signal).catch(() => 'unavailable');
      return said === 'accepted' || said === 'declined' ? said : 'unavailable';
    },
  };
}
