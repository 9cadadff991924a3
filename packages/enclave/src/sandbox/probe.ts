/**
 * Finds out which sandbox this machine really gives: by making one and looking at it from inside.
 *
 * Inside containers, user namespaces are often forbidden; what cannot be obtained is then attested as
 * not obtained.
 *
 * @module
 */
import { lstatSync } from 'node:fs';
import { type BubblewrapLaunch, spawnBubblewrap } from './spawn-bubblewrap.ts';

/** Enough for a machine under load; the sandbox itself takes some 20 ms. */
const LIMIT_MS = 10_000;

export type ProbedSandbox =
  | { readonly process: 'bwrap'; readonly seccomp: boolean }
  /** `why` is one line for people. */
  | { readonly process: 'none'; readonly why: string };

export interface ProbeOptions {
  /** Absolute path of bubblewrap; `undefined` where there is none. */
  readonly bubblewrap: string | undefined;
  readonly platform: NodeJS.Platform;
  readonly architecture: string;
}

/** What a process sees of itself when the sandbox is as it should be. */
const SCRIPT =
  'while read -r line; do echo "$line"; done < /proc/self/status; echo --; while read -r line; do echo "$line"; done < /proc/net/dev';

/** Never rejects. */
export async function probeSandbox(options: ProbeOptions): Promise<ProbedSandbox> {
  const none = (why: string): ProbedSandbox => ({ process: 'none', why });
  if (options.platform !== 'linux') return none(`bubblewrap exists for Linux only, and this is ${options.platform}`);
  if (options.bubblewrap === undefined) return none('bubblewrap (bwrap) is not installed');
  const architecture =
    options.architecture === 'x64' || options.architecture === 'arm64' ? options.architecture : undefined;
  const launch: BubblewrapLaunch = {
    bubblewrap: options.bubblewrap,
    architecture,
    plan: {
      root: { kind: 'system' },
      readOnly: [],
      data: { kind: 'memory', bytes: 1 << 20, at: '/data' },
      command: '/bin/sh',
      args: ['-c', SCRIPT],
      workingDirectory: '/data',
      environment: {},
    },
  };
  const { code, output, errors } = await outcome(launch);
  if (code !== 0)
    return none(`bubblewrap could not make a sandbox: ${errors.trim().split('\n').at(-1) ?? `exit code ${code}`}`);
  const [status = '', network = ''] = output.split('--\n');
  const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(status)?.[1];
  const interfaces = [...network.matchAll(/^\s*([^\s:|]+):/gm)].map((match) => match[1]);
  if (!/^0+$/.test(field('CapEff') ?? '') || field('NoNewPrivs') !== '1')
    return none('the sandbox left privileges to the server');
  if (interfaces.some((name) => name !== 'lo'))
    return none(`the sandbox left the network to the server: ${interfaces.join(', ')}`);
  return { process: 'bwrap', seccomp: architecture !== undefined && field('Seccomp') === '2' };
}

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function outcome(launch: BubblewrapLaunch): Promise<Outcome> {
  return new Promise((resolve) => {
    let output = '';
    let errors = '';
    const child = spawnBubblewrap(launch, isLink);
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    child.stdin.end();
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.once('error', (error) => {
      clearTimeout(limit);
      resolve({ code: null, output, errors: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, output, errors });
    });
  });
}

/** Whether a path of this machine is a symbolic link. */
export function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
