/**
 * Runs inside the sandbox as the parent of the hosted server, and joins its loopback interface to Unix
 * sockets that lead out: one to the egress proxy, one from the gateway to a server that listens on HTTP. A
 * signer for the server is started here too, before it.
 *
 * It copies bytes and decides nothing: what may go where is decided outside, where the server cannot
 * reach. The server's standard streams and its socket to the key service are not its own, they are
 * inherited, and no copy is kept. It is one file that imports Node's modules only, so that nothing else has to be visible in the sandbox.
 *
 * Arguments: a {@link RelayTask} as JSON, then the command and its arguments. Ends as the command ends.
 *
 * @module
 */
import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts, type Server } from 'node:net';

/** What to join. Paths are inside the sandbox. */
export interface RelayTask {
  readonly egress?: { readonly port: number; readonly socket: string };
  /** `descriptor` is a Unix socket that listens already, made outside so that nothing inside can replace it. */
  readonly http?: { readonly port: number; readonly descriptor: number };
  /** The descriptor that the server inherits, under the same number. */
  readonly keySocket?: number;
  /** Started before the server, which does not inherit `descriptor`; says `ready` when it listens. */
  readonly signer?: { readonly command: readonly string[]; readonly descriptor: number };
}

const LOOPBACK = '127.0.0.1';

/** Copies between whoever connects to `server` and `target`. */
function join(server: Server, target: NetConnectOpts): Server {
  return server.on('connection', (inner) => {
    const outer = connect({ ...target, allowHalfOpen: true });
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      from.on('error', () => to.destroy()).pipe(to);
      from.once('close', () => to.destroySoon());
    }
  });
}

async function listening(server: Server): Promise<void> {
  await once(server, 'listening');
}

type Stdio = Exclude<StdioOptions, string>;

/** `streams`, and `descriptor` under its own number. */
function handingOn(streams: Stdio, descriptor: number | undefined): Stdio {
  const all = [...streams];
  if (descriptor !== undefined) all[descriptor] = descriptor;
  return Array.from(all, (one) => one ?? 'ignore');
}

/** Resolves when it listens. Its end is the end of everything here: the server would wait for nobody. */
async function startSigner({ command, descriptor }: NonNullable<RelayTask['signer']>): Promise<void> {
  const [program = '', ...args] = command;
  const signer = spawn(program, args, { stdio: handingOn(['ignore', 'pipe', 'inherit'], descriptor), shell: false });
  closeSync(descriptor);
  const fail = (why: string): never => {
    process.stderr.write(`the signer ${why}\n`);
    return process.exit(126);
  };
  signer.once('error', (error) => fail(`could not be started: ${error.message}`));
  signer.once('exit', (code, signal) => fail(`ended with ${signal ?? `code ${code}`}`));
  const [said] = await once(signer.stdout ?? signer, 'data');
  if (String(said) !== 'ready\n') fail('did not say that it is ready');
}

async function main([json = '', command = '', ...args]: readonly string[]): Promise<void> {
  const task = JSON.parse(json) as RelayTask;
  const waits: Promise<void>[] = [];
  if (task.egress !== undefined) {
    const server = join(createServer({ allowHalfOpen: true }), { path: task.egress.socket });
    waits.push(listening(server.listen(task.egress.port, LOOPBACK)));
  }
  if (task.http !== undefined) {
    const server = join(createServer({ allowHalfOpen: true }), { host: LOOPBACK, port: task.http.port });
    waits.push(listening(server.listen({ fd: task.http.descriptor })));
  }
  await Promise.all(waits);
  if (task.signer !== undefined) await startSigner(task.signer);
  const stdio = handingOn(['inherit', 'inherit', 'inherit'], task.keySocket);
  const child = spawn(command, args, { stdio, shell: false });
  // When the server closes it, it must be closed.
  if (task.keySocket !== undefined) closeSync(task.keySocket);
  child.once('error', (error) => {
    process.stderr.write(`could not be started: ${error.message}\n`);
    process.exit(127);
  });
  child.once('exit', (code, signal) => {
    // Shells' way to tell a signal, since a process can end with a number only.
    process.exit(signal === null ? (code ?? 1) : 128 + 9);
  });
}

await main(process.argv.slice(2));
