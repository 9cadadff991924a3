/**
 * What the simulator writes into its state directory. The document never leaves the machine and
 * holds private keys, so errors about it must not quote it.
 *
 * @module
 */
import { fromHex, hex, integer, list, object, oneOf, type Shape, text, toHex } from '@vitrine/documents';
import type { Platform } from './platform.ts';

/** A certificate and the private key of its subject, both in PEM. */
export interface StateMember {
  readonly certificate: string;
  readonly key: string;
}

/** {@link Platform} with its byte strings in lower-case hexadecimal. */
export interface StatePlatform extends Omit<Platform, 'ppid' | 'pceId' | 'fmspc' | 'platformInstanceId'> {
  readonly ppid: string;
  readonly pceId: string;
  readonly fmspc: string;
  readonly platformInstanceId: string;
}

export interface State {
  readonly type: 'vitrine/simulator-state/v1';
  readonly root: StateMember;
  readonly intermediate: StateMember;
  readonly pck: StateMember;
  readonly tcbSigning: StateMember;
  readonly platform: StatePlatform;
}

const member: Shape<StateMember> = object({
  certificate: text('a certificate in PEM', /^-----BEGIN CERTIFICATE-----\n/),
  key: text('a private key in PEM', /^-----BEGIN PRIVATE KEY-----\n/),
});

const platformShape: Shape<StatePlatform> = object({
  ppid: hex(16),
  componentSvns: list(integer(0), 16),
  pceSvn: integer(0),
  pceId: hex(2),
  fmspc: hex(6),
  sgxType: integer(0),
  platformInstanceId: hex(16),
  dynamicPlatform: oneOf(true, false),
  cachedKeys: oneOf(true, false),
  smtEnabled: oneOf(true, false),
});

export const stateShape: Shape<State> = object({
  type: oneOf('vitrine/simulator-state/v1'),
  root: member,
  intermediate: member,
  pck: member,
  tcbSigning: member,
  platform: platformShape,
});

export function writePlatform(platform: Platform): StatePlatform {
  return {
    ...platform,
    ppid: toHex(platform.ppid),
    pceId: toHex(platform.pceId),
    fmspc: toHex(platform.fmspc),
    platformInstanceId: toHex(platform.platformInstanceId),
  };
}

export function readPlatform(written: StatePlatform): Platform {
  const bytes = (digits: string): Uint8Array => {
    const value = fromHex(digits);
    if (value === undefined) throw new TypeError('the shape lets only hexadecimal digits through');
    return value;
  };
  return {
    ...written,
    ppid: bytes(written.ppid),
    pceId: bytes(written.pceId),
    fmspc: bytes(written.fmspc),
    platformInstanceId: bytes(written.platformInstanceId),
  };
}
