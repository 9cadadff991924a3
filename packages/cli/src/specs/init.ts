/**
 * What `vitrine init` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const initSpec = {
  name: 'init',
  usage: '<npm:<package>@<version> | path:<folder>> [options] [-- args]',
  summary: 'Write a vitrine.yaml for a server',
  description:
    'Writes a vitrine.yaml with comments, the schema for editors beside it, and for packages vitrine.lock. A range or a tag is resolved once and written as an exact version.',
  positionals: [{ name: 'npm:… | path:…', complete: ['npm:', 'path:'] }],
  examples: [
    { command: 'vitrine init npm:@modelcontextprotocol/server-everything@latest' },
    { command: 'vitrine init path:./my-server --entry server.js' },
    { command: 'vitrine init -- python3 my_server.py', note: 'its code is shown as not measured' },
    { command: 'vitrine init path:./my-server --dry-run', note: 'print it, write nothing' },
  ],
  options: {
    config: {
      type: 'string',
      value: 'FILE',
      summary: 'the file to write (default: vitrine.yaml here)',
      complete: 'file',
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
    force: { type: 'boolean', summary: 'write over a file that is there already' },
    'dry-run': { type: 'boolean', summary: 'print the file on stdout, and write nothing but the package store' },
    json: { type: 'boolean', summary: 'one object on stdout: what was written' },
  },
  exitCodes: {
    0: 'written',
    1: 'installed code is not what it was',
    2: 'wrong usage, or the file is there already',
    3: 'the package registry could not be asked',
  },
} as const satisfies CommandSpec;
