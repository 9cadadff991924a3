/**
 * What the operator demands of the sandbox and of callers, from the words of `vitrine.yaml` to the members
 * of the manifest.
 *
 * @module
 */
import { egressHostShape, type Manifest, needsAppRoot, UsageError } from '@vitrine/documents';
import type { EgressRule } from '../egress/allow-list.ts';

/** Members of the manifest that are there as they were written, or not at all. */
export type Terms = Pick<
  Manifest,
  | 'egress'
  | 'isolation'
  | 'data'
  | 'catalogue'
  | 'limits'
  | 'clients'
  | 'logs'
  | 'keys'
  | 'credentials'
  | 'store'
  | 'signer'
  | 'upgrade'
  | 'roots'
  | 'anchor'
  | 'handover'
>;

/** `api.example.com:443` as a rule of the manifest. @throws UsageError with code `config.egress`. */
export function egressRule(written: string): EgressRule {
  const [host = '', portText = '', ...more] = written.split(':');
  const port = Number(portText);
  const name = egressHostShape.parse(host);
  const isPort = /^[0-9]{1,5}$/.test(portText) && port >= 1 && port <= 65_535;
  if (name.ok && isPort && more.length === 0) return { host, port };
  throw new UsageError(
    'config.egress',
    `expected <host>:<port> such as api.example.com:443, with a lower-case host name or *. before one and never an address, found ${JSON.stringify(written)}`,
  );
}

/** All rules, each once, in the order that does not depend on how they were written. */
export function egressRules(written: readonly string[]): readonly EgressRule[] {
  return [...new Set(written)].sort().map(egressRule);
}

/** `dynamic` or `pinned <digest>`, whose form the configuration's shape has checked. */
export function catalogueOf(written: string): NonNullable<Manifest['catalogue']> {
  const digest = /^pinned ([0-9a-f]{64})$/.exec(written)?.[1];
  return digest === undefined ? { kind: 'dynamic' } : { kind: 'pinned', digest };
}

/** @throws UsageError with code `config.transport`. */
export function checkTransport(transport: 'stdio' | 'http' | undefined, port: number | undefined): void {
  if ((transport === 'http') === (port !== undefined)) return;
  throw new UsageError(
    'config.transport',
    port === undefined
      ? 'transport: http needs "port", the one that the server listens on'
      : '"port" is for transport: http; a server over stdio has none',
  );
}

/**
 * Release keys guard what lasts. Where nothing does, naming them would promise what nobody enforces.
 *
 * @throws UsageError with code `config.upgrade`.
 */
export function checkUpgrade(terms: Pick<Terms, 'upgrade' | 'keys' | 'credentials' | 'store' | 'data'>): void {
  if (terms.upgrade?.kind !== 'signed' || needsAppRoot(terms)) return;
  throw new UsageError(
    'config.upgrade',
    'release keys guard keys and data that last, and there are none: anybody who starts the server can change this configuration; leave "upgrade" out',
  );
}

/**
 * What keeps or hands on what lasts needs something that lasts.
 *
 * @throws UsageError with code `config.roots`, `config.anchor` or `config.handover`.
 */
export function checkLasting(
  member: 'roots' | 'anchor' | 'handover',
  terms: Pick<Terms, 'upgrade' | 'handover' | 'keys' | 'credentials' | 'store' | 'data'>,
): void {
  if (!needsAppRoot(terms)) {
    throw new UsageError(
      `config.${member}`,
      `${member} is about keys and data that last, and there are none; leave it out`,
    );
  }
  if (member === 'handover' && terms.handover?.to.includes('release') === true && terms.upgrade?.kind !== 'signed') {
    throw new UsageError(
      'config.handover',
      'to: release needs release keys, and upgrade is pinned; write upgrade: { kind: signed, … } or to: [equal]',
    );
  }
}

/** @throws UsageError with code `config.auth`. */
export function checkAuth(
  auth: 'none' | { readonly kind: string; readonly tokens?: unknown; readonly tokenFile?: unknown },
): void {
  if (auth === 'none' || auth.kind !== 'bearer') return;
  if ((auth.tokens === undefined) !== (auth.tokenFile === undefined)) return;
  throw new UsageError('config.auth', 'bearer needs "tokens" or "tokenFile", and not both');
}
