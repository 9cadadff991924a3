/**
 * The flags of `vitrine run` that say what is hosted and where, in the words of the enclave's settings.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import type { RunFlags } from '@vitrine/enclave';
import type { Arguments } from './command.ts';
import { environmentOf } from './environment-flag.ts';
import type { runSpec } from './specs/run.ts';

/** @throws UsageError */
export function flagsOf({ values, positionals, rest }: Arguments<typeof runSpec.options>): RunFlags {
  const [source, extra] = positionals;
  if (extra !== undefined) {
    throw new UsageError(
      'usage.extra',
      `unexpected argument ${JSON.stringify(extra)}; arguments of the server go after "--"`,
    );
  }
  const listen = values.listen === undefined ? {} : parseListen(values.listen);
  return {
    ...(source === undefined ? {} : { source }),
    ...(rest === undefined ? {} : source === undefined ? { command: rest } : { args: rest }),
    ...(values.bin === undefined ? {} : { bin: values.bin }),
    ...(values.entry === undefined ? {} : { entry: values.entry }),
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.env === undefined ? {} : { environment: environmentOf(values.env) }),
    ...(values.sandbox === undefined ? {} : { sandbox: sandboxOf(values.sandbox) }),
    ...(values.egress === undefined ? {} : { egress: values.egress }),
    ...(values['http-port'] === undefined ? {} : { transport: 'http', httpPort: portOf(values['http-port']) }),
    ...listen,
  };
}

function sandboxOf(text: string): 'none' | 'bwrap' {
  if (text === 'none' || text === 'bwrap') return text;
  throw new UsageError('usage.sandbox', `--sandbox: expected bwrap or none, found ${JSON.stringify(text)}`);
}

function portOf(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new UsageError('usage.port', `--http-port: expected 1 to 65535, found ${JSON.stringify(text)}`);
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535)
    throw new UsageError(
      'usage.listen',
      `--listen: expected HOST:PORT such as 127.0.0.1:8443, found ${JSON.stringify(text)}`,
    );
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}

/** @throws UsageError `usage.port`. */
export function metricsPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65535) return port;
  throw new UsageError(
    'usage.port',
    `--metrics: expected a port from 0 (any free one) to 65535, found ${JSON.stringify(text)}`,
  );
}
