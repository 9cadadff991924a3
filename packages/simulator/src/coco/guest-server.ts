/**
 * An emulated `api-server-rest` of a pod: evidence of a TD under the simulator's own root, with the digest of the
 * init-data in MRCONFIGID as a host would set it, or evidence of the `sample` TEE, which anybody can make.
 *
 * Like the attestation agent it fills run-time data with zeros to 64 bytes and does not hash it.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { concatBytes, fromBase64Url, type JsonValue } from '@vitrine/documents';
import { carriedInitDataDigest, initDataDigest } from '@vitrine/documents/launch';
import {
  type EmulatedAnswer,
  type EmulatedRequest,
  type HttpFault,
  jsonAnswer,
  startEmulatedServer,
} from '../emulated-http.ts';
import type { Registers } from '../registers.ts';
import { openSimulator } from '../simulator.ts';

export type CocoGuestFault =
  | HttpFault
  /** Evidence over other report data. */
  | 'other-report-data'
  /** The quote in base64url. */
  | 'other-base64'
  /** Started with `--features=resource`: no evidence. */
  | 'resource-only'
  | 'failing';

export interface CocoGuestOptions {
  /** The simulator's state directory. */
  readonly directory: string;
  readonly now: () => Date;
  readonly tee: 'tdx' | 'sample';
  /** What the pod was started with. */
  readonly initData?: Uint8Array<ArrayBuffer>;
  /** In `cc_eventlog`. */
  readonly eventLog?: Uint8Array;
  /** Evidence of devices, as text. */
  readonly additionalEvidence?: string;
  /** Answers instead of the TEE: what a recorded agent said. The name is what `/info` says. */
  readonly recorded?: { readonly tee: string; readonly evidence: (runtimeData: Uint8Array) => JsonValue };
  /** Of the data hub, by path. */
  readonly resources?: Readonly<Record<string, Uint8Array>>;
  readonly fault?: CocoGuestFault;
}

export interface CocoGuestServer {
  readonly endpoint: { readonly kind: 'tcp'; readonly host: '127.0.0.1'; readonly port: number };
  readonly registers: Registers;
  /** 48 bytes. */
  readonly mrConfigId: Uint8Array;
  close(): Promise<void>;
}

const RELEASE = 'coco';
const HTTP_FAULTS: readonly string[] = [
  'silent',
  'busy',
  'oversized',
  'truncated',
  'redirect',
  'not-json',
] satisfies HttpFault[];

/** Listens on a free loopback port. */
export async function startCocoGuest(options: CocoGuestOptions): Promise<CocoGuestServer> {
  const { initData } = options;
  const simulator = await openSimulator({ directory: options.directory, now: options.now, release: RELEASE });
  const registers = cocoRegisters();
  const mrConfigId =
    initData === undefined ? new Uint8Array(48) : carriedInitDataDigest(await initDataDigest(initData), 48);
  const td = simulator.launchMeasured(registers, mrConfigId);
  const evidence = async (runtimeData: Uint8Array): Promise<JsonValue> => {
    if (options.recorded !== undefined) return options.recorded.evidence(runtimeData);
    const asked = options.fault === 'other-report-data' ? sha512(runtimeData) : runtimeData;
    if (options.tee === 'sample') return { svn: '1', report_data: Buffer.from(asked).toString('base64') };
    const quote = await td.quote(concatBytes(asked, new Uint8Array(64 - asked.length)));
    const log = options.eventLog;
    return {
      quote: Buffer.from(quote).toString(options.fault === 'other-base64' ? 'base64url' : 'base64'),
      cc_eventlog: log === undefined ? null : Buffer.from(log).toString('base64'),
    };
  };
  const server = await startEmulatedServer(undefined, (request) => answer(request, options, evidence));
  return {
    endpoint: { kind: 'tcp', host: '127.0.0.1', port: server.port },
    registers,
    mrConfigId,
    close: server.close,
  };
}

/** What the registers of every emulated pod are: only MRCONFIGID tells what was started. */
export function cocoRegisters(): Registers {
  const label = (name: string): string =>
    createHash('sha384').update(`vitrine simulator, coco guest image, not measured: ${name}`).digest('hex');
  return {
    mrtd: label('mrtd'),
    rtmr0: label('rtmr0'),
    rtmr1: label('rtmr1'),
    rtmr2: label('rtmr2'),
    rtmr3: '00'.repeat(48),
  };
}

async function answer(
  { method, path, query }: EmulatedRequest,
  { tee, fault, resources, recorded, additionalEvidence }: CocoGuestOptions,
  evidence: (runtimeData: Uint8Array) => Promise<JsonValue>,
): Promise<EmulatedAnswer | HttpFault> {
  if (fault !== undefined && HTTP_FAULTS.includes(fault)) return fault as HttpFault;
  if (method !== 'GET') return plain(405, 'Method Not Allowed');
  if (path === '/info') {
    const feature = fault === 'resource-only' ? 'resource' : 'all';
    return jsonAnswer(200, {
      version: 'emulated',
      ...(fault === 'resource-only' ? {} : { tee: recorded?.tee ?? tee }),
      feature,
    });
  }
  if (path.startsWith('/cdh/resource/')) {
    const found = resources?.[path.slice('/cdh/resource/'.length)];
    return found === undefined ? plain(500, 'get resource failed') : bytes(found);
  }
  if (path !== '/aa/evidence' && path !== '/aa/additional-evidence') return plain(404, 'URL NOT FOUND');
  if (fault === 'resource-only') return plain(404, 'Attestation Feature Not Enabled');
  if (fault === 'failing') return plain(500, 'get evidence failed');
  const runtimeData = query.get('encoding') === 'base64' ? fromBase64Url(query.get('runtime_data') ?? '!') : undefined;
  if (runtimeData === undefined || runtimeData.length > 64) return plain(400, 'BAD REQUEST');
  if (path === '/aa/additional-evidence') return bytes(new TextEncoder().encode(additionalEvidence ?? ''));
  return bytes(new TextEncoder().encode(JSON.stringify(await evidence(runtimeData))));
}

function bytes(body: Uint8Array): EmulatedAnswer {
  return { status: 200, type: 'application/octet-stream', body };
}

function plain(status: number, body: string): EmulatedAnswer {
  return { status, type: 'text/plain', body };
}

function sha512(data: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha512').update(data).digest().subarray(0, data.length));
}
