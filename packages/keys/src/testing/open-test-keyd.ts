/**
 * A key service in this process, on a platform that a test chooses, and a server's end of its socket.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import type { RootSecretSource } from '@vitrine/attester';
import type { Manifest } from '@vitrine/documents';
import type { Gateway, Keyd, KeydOptions } from '../keyd/contract.ts';
import { openKeyd } from '../keyd/keyd.ts';
import type { Platform } from '../keyd/platform.ts';
import type { Confirmation, Instance } from '../service.ts';

export function manifestWith(members: Partial<Manifest>): Manifest {
  return {
    type: 'vitrine/manifest/v1',
    number: 1,
    name: 'example',
    server: { source: { kind: 'command', command: 'example' }, args: [], environment: {}, transport: 'stdio' },
    sandbox: 'none',
    roots: [{ kind: 'test' }],
    runtime: { vitrine: '0.1.0', node: '24.0.0' },
    ...members,
  };
}

/** A source whose secret everybody can work out. */
export function fixedSource(seed = 'a'): RootSecretSource {
  return {
    description: {
      kind: 'test',
      boundTo: 'nothing',
      derivableBy: ['everybody'],
      survivesUpgrade: true,
      sharedByReplicas: true,
    },
    secret: async () => Uint8Array.from(createHash('sha256').update(seed).digest()),
  };
}

export function testPlatform(changes: Partial<Platform> = {}): Platform {
  return {
    source: { technology: 'test', quote: async (bytes) => bytes, endorsements: async () => undefined },
    roots: [fixedSource()],
    isSimulated: false,
    ...changes,
  };
}

const made: string[] = [];

/** After all tests of a file. */
export function removeTemporaryDirectories(): void {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
}

/** Gone with {@link removeTemporaryDirectories}. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-keyd-'));
  made.push(directory);
  return directory;
}

export function openTestKeyd(manifest: Manifest, changes: Partial<KeydOptions> = {}): Promise<Keyd> {
  return openKeyd({
    manifest,
    platform: testPlatform(),
    directory: temporaryDirectory(),
    genesis: true,
    now: () => new Date('2026-11-18T12:00:00Z'),
    monotonic: () => performance.now(),
    randomBytes: (length) => Uint8Array.from(randomBytes(length)),
    ...changes,
  });
}

export const ADA: Instance = { id: 'i1', principal: 'ada', isolated: true };

export function gateway(
  said: Confirmation = 'accepted',
  tools: readonly string[] = [],
): Gateway & { questions: string[] } {
  const questions: string[] = [];
  return {
    questions,
    runningTools: () => tools,
    confirm: async (_instance, question) => {
      questions.push(question);
      return said;
    },
  };
}

export interface Reply {
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: { readonly code: string; readonly rule?: string; readonly approval?: string };
  };
}

export interface TestServer {
  ask(method: string, params: unknown): Promise<Reply>;
  /** The result. @throws Error for an error. */
  get<T>(method: string, params: unknown): Promise<T>;
  write(text: string): void;
  /** What came that belongs to no question. */
  readonly other: readonly Reply[];
  /** Everything that came, as text. */
  readonly transcript: () => string;
  readonly closed: Promise<void>;
  end(): void;
}

/** The server's end of `admit`. */
export function admitServer(keyd: Pick<Keyd, 'admit'>, instance: Instance = ADA): TestServer {
  const [near, far] = duplexPair();
  keyd.admit(instance, far);
  return serverOver(near);
}

export function serverOver(socket: NodeJS.ReadWriteStream & { end(): unknown }): TestServer {
  const waiting = new Map<unknown, (reply: Reply) => void>();
  const other: Reply[] = [];
  let all = '';
  let rest = '';
  let last = 0;
  const closed = new Promise<void>((resolve) => {
    for (const event of ['end', 'close', 'error']) socket.on(event, () => resolve());
  });
  socket.on('data', (chunk: Buffer) => {
    all += chunk.toString();
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const reply = JSON.parse(line) as Reply;
      const resolve = waiting.get(reply.id);
      waiting.delete(reply.id);
      if (resolve === undefined) other.push(reply);
      else resolve(reply);
    }
  });
  const ask = (method: string, params: unknown): Promise<Reply> =>
    new Promise((resolve) => {
      const id = ++last;
      waiting.set(id, resolve);
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
  return {
    ask,
    get: async <T>(method: string, params: unknown): Promise<T> => {
      const reply = await ask(method, params);
      if (reply.error !== undefined) throw new Error(`${reply.error.data.code}: ${reply.error.message}`);
      return reply.result as T;
    },
    write: (text) => void socket.write(text),
    other,
    transcript: () => all,
    closed,
    end: () => void socket.end(),
  };
}
