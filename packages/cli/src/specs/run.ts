/**
 * What `vitrine run` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const runSpec = {
  name: 'run',
  usage: '[npm:<package>@<version> | path:<folder> | module:<file> | oci:<layout>] [options] [-- arguments]',
  summary: 'Host an MCP server, in the simulator or a TEE',
  description:
    'Hosts an MCP server behind a front door that proves what runs; on Linux with bubblewrap, in a sandbox. A range or a tag is resolved once and shown, and beside a vitrine.yaml written to vitrine.lock. Install scripts never run.',
  positionals: [{ name: 'npm:… | path:…', complete: ['npm:', 'path:', 'module:', 'oci:'] }],
  examples: [
    { command: 'vitrine run npm:@modelcontextprotocol/server-everything@2026.8.31' },
    {
      command: 'vitrine run npm:@modelcontextprotocol/server-filesystem@2026.8.31 -- /data',
      note: 'its own files, in the sandbox',
    },
    { command: 'vitrine run path:./my-server' },
    { command: 'vitrine run -- python3 my_server.py', note: 'its code is shown as not measured' },
    { command: 'vitrine run path:./my-server --egress api.example.com:443' },
    { command: 'vitrine run', note: 'as vitrine.yaml says' },
    { command: 'vitrine run --genesis', note: 'the first start of a server with keys' },
    { command: 'vitrine run --release release.json', note: 'with a changed vitrine.yaml' },
    { command: 'vitrine run --platform tdx --root tpm --genesis', note: 'in a TDX guest with a TPM' },
  ],
  options: {
    config: {
      type: 'string',
      value: 'FILE',
      summary: 'configuration (default: vitrine.yaml here, if there is one)',
      complete: 'file',
    },
    platform: {
      type: 'string',
      value: 'NAME',
      summary:
        'simulator (the default: a constant, never a fallback), tdx, sev-snp, tpm, dstack, coco, or auto for the TEE that is found',
      complete: ['simulator', 'auto', 'tdx', 'sev-snp', 'tpm', 'dstack', 'coco'],
    },
    device: {
      type: 'string',
      value: 'PATH',
      summary: 'device or socket of the platform, for coco a URL, if it is not at its usual place',
      complete: 'file',
    },
    'init-data': {
      type: 'string',
      value: 'FILE',
      summary: 'the init-data that a pod of coco was started with, where it is not at its usual place',
      complete: 'file',
    },
    root: {
      type: 'string',
      multiple: true,
      value: 'SOURCE',
      summary:
        'what wraps the root of keys, if not what the platform has by itself: snp, tpm[:DEVICE], dstack, kbs:URL#REPOSITORY/TYPE/TAG, ephemeral (of this start alone); given twice, both are needed',
    },
    'root-from': {
      type: 'string',
      multiple: true,
      value: 'SOURCE',
      summary: 'what wrapped it so far, when --root changes; for one start',
    },
    listen: {
      type: 'string',
      value: 'HOST:PORT',
      summary: 'address (default: 127.0.0.1:8443); port 0 takes a free one',
      complete: ['127.0.0.1:8443', '127.0.0.1:0'],
    },
    name: { type: 'string', value: 'NAME', summary: 'what the manifest calls this server' },
    bin: { type: 'string', value: 'NAME', summary: 'which program of a package with several' },
    entry: { type: 'string', value: 'FILE', summary: 'which file of a folder starts the server', complete: 'file' },
    env: {
      type: 'string',
      multiple: true,
      value: 'NAME=VALUE',
      summary: 'environment of the server, public like the whole manifest; may be repeated',
    },
    sandbox: {
      type: 'string',
      value: 'KIND',
      summary: 'bwrap: no start without it; none: an ordinary process (default: the best that can be had)',
      complete: ['bwrap', 'none'],
    },
    egress: {
      type: 'string',
      multiple: true,
      value: 'HOST:PORT',
      summary: 'where the sandboxed server may connect to; may be repeated (default: nowhere)',
    },
    genesis: {
      type: 'boolean',
      summary:
        'make the root of keys and stored data, at the very first start; later starts go without, and a missing root is an error',
    },
    release: {
      type: 'string',
      value: 'FILE',
      summary: 'a signed release, by which this configuration takes over keys and data of the one before',
      complete: 'file',
    },
    'handover-from': {
      type: 'string',
      value: 'URL',
      summary: 'take the root of keys from this running enclave, whose manifest allows it, instead of making one',
    },
    'expect-root': {
      type: 'string',
      value: 'ID',
      summary: 'the only root that --handover-from takes, as "vitrine keys ls" shows it',
    },
    'deny-list': {
      type: 'string',
      multiple: true,
      value: 'FILE',
      summary: 'a signed deny-list: what it names never gets the root of keys from here; may be repeated',
      complete: 'file',
    },
    'http-port': {
      type: 'string',
      value: 'PORT',
      summary: 'the server listens there, on its own 127.0.0.1, path /mcp, instead of speaking over stdio',
    },
    metrics: {
      type: 'string',
      value: 'PORT',
      summary: 'metrics for Prometheus on this port of 127.0.0.1; 0 takes a free one',
    },
    'log-json': {
      type: 'boolean',
      summary: 'one JSON object on stderr for each event, without anything that users send or get',
    },
    json: { type: 'boolean', summary: 'one object on stdout when the server is ready' },
  },
  notes: [
    'A flag that contradicts the configuration is an error. Ctrl-C stops: running calls may finish; a second Ctrl-C ends at once.',
    'A real platform takes what it runs from vitrine.yaml. The signal USR2 has the root of keys wrapped anew, under what its sources give then.',
  ],
  exitCodes: {
    0: 'stopped',
    1: 'the code is not what vitrine.lock says',
    2: 'wrong usage or configuration',
    3: 'the registry, the platform, a freshness anchor or another enclave could not be asked',
    6: 'the hosted server failed',
  },
} as const satisfies CommandSpec;
