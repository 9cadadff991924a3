/**
 * A folder to put first on PATH, in which `vitrine`, `node` and `npx` are what a user has after
 * installing: `vitrine` and `node` run this source tree, and `npx` the peers at their locked versions.
 *
 * @module
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VITRINE } from './cli.ts';

/** Fills `folder`. `peers` is where `npx` looks for other programs than `vitrine`; none without it. */
export function commandsOnPath(folder: string, peers?: string): void {
  mkdirSync(folder, { recursive: true });
  // A free port in place of the usual one, which may be taken on this machine.
  const usual = `[ "$1" = run ] && [ -n "$VITRINE_TEST_PORT" ] && shift && set -- run --listen "127.0.0.1:$VITRINE_TEST_PORT" "$@"`;
  const listen = `case " $* " in *" --listen "*) ;; *) ${usual} ;; esac`;
  script(folder, 'vitrine', `${listen}\nexec ${VITRINE.map(quoted).join(' ')} "$@"`);
  script(folder, 'node', `exec ${VITRINE.slice(0, 2).map(quoted).join(' ')} "$@"`);
  const cases =
    peers === undefined ? [] : PEERS.map((name) => `${name}@${versionOf(peers, name)})${runs(peers, name)}`);
  const lines = ['[ "$1" = -y ] && shift', 'name=$1', 'shift', 'case $name in', 'vitrine) exec vitrine "$@" ;;'];
  script(folder, 'npx', [...lines, ...cases, '*) echo "npx: no $name in this test" >&2; exit 1 ;;', 'esac'].join('\n'));
}

/** Programs of tools/peers that guides start with npx. */
const PEERS = ['@modelcontextprotocol/inspector', 'mcp-remote'] as const;

function runs(peers: string, name: string): string {
  return ` exec ${quoted(process.execPath)} ${quoted(peerProgram(peers, name))} "$@" ;;`;
}

/** The program of a peer that has the package's own name, or is its first. */
export function peerProgram(peers: string, name: string): string {
  const { bin } = packageOf(peers, name);
  const file = bin[name.split('/').at(-1) ?? name] ?? Object.values(bin)[0];
  const program = join(peers, 'node_modules', name, file ?? '');
  if (file === undefined || !existsSync(program)) throw new Error(`${name} has no program`);
  return program;
}

function versionOf(peers: string, name: string): string {
  return packageOf(peers, name).version;
}

function packageOf(peers: string, name: string): { readonly version: string; readonly bin: Record<string, string> } {
  return JSON.parse(readFileSync(join(peers, 'node_modules', name, 'package.json'), 'utf8'));
}

function script(folder: string, name: string, body: string): void {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
