/**
 * A process that speaks to its supervisor like the key service and holds no keys: it shows what surrounds
 * it, and sends back what servers write.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { VitrineError } from '@vitrine/documents';
import type { Gateway, Keyd, KeydOptions } from '../keyd/contract.ts';
import { answerSupervisor } from '../process/answer-supervisor.ts';

/** Of the moment in which devices are opened. */
let groupsAtFirst: readonly number[] | undefined;

/** What the credential of a name shows. */
const SHOWN: Readonly<Record<string, () => unknown>> = {
  environment: () => process.env,
  initialEnvironment: () => readFileSync('/proc/self/environ', 'latin1').split('\0').filter(Boolean),
  limits: () => readFileSync('/proc/self/limits', 'latin1'),
  status: () => readFileSync('/proc/self/status', 'latin1'),
  user: () => ({ uid: process.getuid?.(), gid: process.getgid?.(), groups: process.getgroups?.() }),
  groupsAtFirst: () => groupsAtFirst,
  state: () => readFileSync(`${process.argv[2]}/state`, 'utf8'),
  files: () => ['/etc/passwd', '/root', '/home', '/var', '/run'].filter((path) => existsSync(path)),
  becomesRoot: () => spawnSync(process.execPath, ['-e', 'process.setuid(0)']).status === 0,
};

function open(options: KeydOptions): Promise<Keyd> {
  let gateway: Gateway | undefined;
  if (options.manifest.name === 'fails') throw new VitrineError('keys.example', 'it does not open');
  if (options.manifest.name === 'crashes')
    process.nextTick(() => {
      throw new Error('a secret text');
    });
  return Promise.resolve({
    statements: [],
    survivesRestart: false,
    rewrap: async () => undefined,
    outdated: new Promise(() => undefined),
    appRoot: { id: options.directory, isNew: options.genesis },
    bind: () => Promise.reject(new Error('a secret text')),
    attend: (answers) => {
      gateway = answers;
    },
    admit: ({ id }, socket) => {
      socket.on('data', (chunk: Buffer) => {
        const text = chunk.toString();
        if (text === 'tools')
          return void Promise.resolve(gateway?.runningTools(id)).then((tools) => socket.write(`${tools?.join(' ')}`));
        if (text === 'confirm') {
          const gone = new AbortController();
          socket.once('end', () => gone.abort());
          return void gateway?.confirm(id, 'may it?', gone.signal).then((said) => socket.write(said));
        }
        socket.write(chunk);
      });
      socket.on('error', () => undefined);
    },
    dismiss: () => undefined,
    volumeKey: () => Promise.resolve(new Uint8Array(32).fill(7)),
    credential: async (name) => {
      if (name === 'network') return connects();
      if (name === 'crash') process.exit(9);
      if (name === 'hang') return new Promise(() => undefined);
      return JSON.stringify(SHOWN[name]?.());
    },
    acceptSecret: () => Promise.resolve({ name: 'example', version: 1 }),
    signReceipt: (payload) => Promise.resolve(JSON.stringify(payload)),
    close: () => Promise.resolve(),
  });
}

/** Whether anything can be reached: nothing has to listen at that address for the kernel to say. */
function connects(): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '192.0.2.1', port: 9, timeout: 1000 });
    socket.once('connect', () => resolve('connected'));
    socket.once('timeout', () => resolve('sent'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(`${error.code}`));
  });
}

answerSupervisor(
  {
    directory: process.argv[2] ?? '',
    prepare: async () => {
      groupsAtFirst = process.getgroups?.();
    },
    platform: async () => ({
      source: { technology: 'none', quote: async (bytes) => bytes, endorsements: async () => undefined },
      roots: [],
      isSimulated: true,
    }),
  },
  open,
);
