/**
 * An emulated dstack guest agent: HTTP on a Unix socket with the answers of releases 0.6 or 0.5, quotes under the
 * simulator's own root, and a log of run-time events that leads to the quoted RTMR3.
 *
 * It protects nothing. Where it differs from an agent: the signatures of `signature_chain` are over SHA-256 and not
 * Keccak-256, methods that Vitrine does not use are missing, and RTMR0 to RTMR2 stand for no firmware.
 *
 * @module
 */
import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { concatBytes, fromHex, parseStrictJson, toHex } from '@vitrine/documents';
import {
  type EmulatedAnswer,
  type EmulatedRequest,
  type HttpFault,
  jsonAnswer,
  startEmulatedServer,
} from '../emulated-http.ts';
import type { Registers } from '../registers.ts';
import { openSimulator } from '../simulator.ts';
import { applicationKey, keyServerRoot, pathKey } from './app-key.ts';
import { measuredRegisters, type RuntimeEvent, shownEvents } from './runtime-events.ts';

/** Wrong in one way each. Those of HTTP are for every method; the others name what they change. */
export type DstackFault =
  | HttpFault
  /** The quote is over other report data. */
  | 'other-report-data'
  /** A machine without TDX: no quote and no log. */
  | 'no-tdx'
  /** `/Info` tells another app-compose than was measured, with its hash to match. */
  | 'other-compose'
  /** `/Info` tells another app-compose than its own hash says. */
  | 'unequal-compose'
  | 'hidden-compose'
  | 'compose-measured-twice'
  /** `compose-hash` stands behind `system-ready`, where anybody can write. */
  | 'late-compose'
  | 'never-ready'
  | 'short-key';

export interface DstackAgentOptions {
  /** At most 100 bytes. */
  readonly socketPath: string;
  readonly version: '0.6' | '0.5';
  /** The simulator's state directory, which also keeps the root of the emulated key server. */
  readonly directory: string;
  /** What was started, raw. */
  readonly appCompose: Uint8Array;
  readonly now: () => Date;
  /** 20 bytes, hexadecimal; that of an application first deployed with `appCompose` where it is absent. */
  readonly appId?: string;
  /** Who gave the application its keys; `kms` where it is absent. */
  readonly keyProvider?: 'kms' | 'local-sgx' | 'tpm' | 'none';
  readonly fault?: DstackFault;
}

export interface DstackAgentServer {
  readonly socketPath: string;
  readonly appId: string;
  /** Of the machine as it is now: `/EmitEvent` of 0.5 changes RTMR3. */
  registers(): Registers;
  close(): Promise<void>;
}

type Method = (request: Readonly<Record<string, unknown>>) => Promise<object>;

export async function startDstackAgent(options: DstackAgentOptions): Promise<DstackAgentServer> {
  const { version, fault, keyProvider = 'kms' } = options;
  const release = version === '0.6' ? '0.6.0' : '0.5.5';
  const eventVersion = version === '0.6' ? 2 : 1;
  const simulator = await openSimulator({ directory: options.directory, now: options.now, release });
  const composeHash = sha256(options.appCompose);
  // Hosts of release 0.6 set version 1 of the configuration id; those before set none.
  const mrConfigId = new Uint8Array(48);
  if (version === '0.6') mrConfigId.set(concatBytes(Uint8Array.of(1), composeHash));
  const appId = options.appId === undefined ? composeHash.subarray(0, 20) : requireHex(options.appId, 20);
  const instanceId = sha256(concatBytes(appId, new TextEncoder().encode(options.socketPath))).subarray(0, 20);
  const root = await keyServerRoot(options.directory);
  const provider = {
    name: keyProvider,
    id: keyProvider === 'kms' ? toHex(sha256(root)) : keyProvider === 'local-sgx' ? toHex(sha256(appId)) : '',
  };
  const events: RuntimeEvent[] = [...launchEvents(appId, composeHash, instanceId, provider, fault)];
  const registers = (): Registers => measuredRegisters(release, events, eventVersion);
  const shared = applicationKey(root, appId);
  // Key providers of one machine know its measurements, or the boot alone.
  const appKeys = {
    kms: shared,
    'local-sgx': applicationKey(shared, fromHex(registers().rtmr3) ?? shared),
    tpm: applicationKey(shared, composeHash),
    none: Uint8Array.from(randomBytes(32)),
  };

  const methods: Record<string, Method> = {
    '/Info': async () => {
      const told =
        fault === 'other-compose' || fault === 'unequal-compose' ? '{"other":true}' : text(options.appCompose);
      const hash = fault === 'other-compose' ? sha256(new TextEncoder().encode(told)) : composeHash;
      const now = registers();
      const tcb = {
        ...now,
        mr_aggregated: toHex(sha256(new TextEncoder().encode(JSON.stringify(now)))),
        os_image_hash: toHex(sha256(new TextEncoder().encode(release))),
        compose_hash: toHex(hash),
        device_id: toHex(sha256(root)),
        event_log: shownEvents(release, events, eventVersion),
        ...(fault === 'hidden-compose' ? {} : { app_compose: told }),
      };
      return {
        app_id: toHex(appId),
        instance_id: toHex(instanceId),
        app_cert: '',
        tcb_info: JSON.stringify(tcb, null, 2),
        app_name: 'vitrine',
        device_id: tcb.device_id,
        mr_aggregated: tcb.mr_aggregated,
        os_image_hash: tcb.os_image_hash,
        key_provider_info: JSON.stringify(provider),
        compose_hash: toHex(hash),
        vm_config: '{}',
        ...(version === '0.6' ? { cloud_vendor: 'Vitrine simulator', cloud_product: 'emulated dstack' } : {}),
      };
    },
    '/GetQuote': async (request) => {
      const given = requireHex(String(request['report_data'] ?? ''), undefined);
      if (given.length > 64) throw new RangeError('Report data is too long');
      const reportData = concatBytes(given, new Uint8Array(64 - given.length));
      const newest = version === '0.6' ? { attestation: fault === 'no-tdx' ? '00ff' : '' } : {};
      if (fault === 'no-tdx')
        return { quote: '', event_log: '', report_data: toHex(reportData), vm_config: '{}', ...newest };
      const quoted = fault === 'other-report-data' ? sha512(reportData) : reportData;
      const quote = await simulator.launchMeasured(registers(), mrConfigId).quote(quoted);
      const log = JSON.stringify(shownEvents(release, events, eventVersion));
      return { quote: toHex(quote), event_log: log, report_data: toHex(reportData), vm_config: '{}', ...newest };
    },
    '/GetKey': async (request) => {
      const algorithm = String(request['algorithm'] ?? '');
      if (version === '0.6' && !['', 'secp256k1', 'k256', 'ed25519'].includes(algorithm))
        throw new RangeError('Unsupported algorithm');
      const key = pathKey(appKeys[keyProvider], String(request['path'] ?? ''));
      const signature = recoverable(appKeys[keyProvider], `${request['purpose']}:${toHex(key)}`);
      const shownKey = fault === 'short-key' ? key.subarray(1) : key;
      return {
        key: toHex(shownKey),
        signature_chain: [signature, recoverable(root, `dstack-kms-issued:${toHex(appId)}`)],
      };
    },
  };
  if (version === '0.6') methods['/Version'] = async () => ({ version: release, rev: 'emulated' });
  else {
    methods['/EmitEvent'] = async (request) => {
      events.push({ name: String(request['event']), payload: requireHex(String(request['payload'] ?? ''), undefined) });
      return {};
    };
  }
  const server = await startEmulatedServer(options.socketPath, (request) => answer(request, methods, fault));
  return { socketPath: options.socketPath, appId: toHex(appId), registers, close: server.close };
}

const HTTP_FAULTS: readonly string[] = [
  'silent',
  'busy',
  'oversized',
  'truncated',
  'redirect',
  'not-json',
] satisfies HttpFault[];

async function answer(
  request: EmulatedRequest,
  methods: Readonly<Record<string, Method>>,
  fault: DstackFault | undefined,
): Promise<EmulatedAnswer | HttpFault> {
  if (fault !== undefined && HTTP_FAULTS.includes(fault)) return fault as HttpFault;
  const method = Object.hasOwn(methods, request.path) ? methods[request.path] : undefined;
  if (method === undefined) return jsonAnswer(404, { error: 'method not found' });
  // Without it the agent speaks protocol buffers.
  if (request.headers['content-type'] !== 'application/json') return jsonAnswer(400, { error: 'not JSON' });
  return jsonAnswer(200, await method(parseStrictJson(text(request.body)) as Readonly<Record<string, unknown>>));
}

function launchEvents(
  appId: Uint8Array,
  composeHash: Uint8Array,
  instanceId: Uint8Array,
  provider: object,
  fault: DstackFault | undefined,
): readonly RuntimeEvent[] {
  const nothing = new Uint8Array();
  const compose = { name: 'compose-hash', payload: composeHash };
  return [
    { name: 'system-preparing', payload: nothing },
    { name: 'app-id', payload: appId },
    ...(fault === 'late-compose' ? [] : [compose]),
    ...(fault === 'compose-measured-twice' ? [compose] : []),
    { name: 'instance-id', payload: instanceId },
    { name: 'boot-mr-done', payload: nothing },
    { name: 'key-provider', payload: new TextEncoder().encode(JSON.stringify(provider)) },
    { name: 'storage-fs', payload: new TextEncoder().encode('zfs') },
    ...(fault === 'never-ready' ? [] : [{ name: 'system-ready', payload: nothing }]),
    ...(fault === 'late-compose' ? [compose] : []),
  ];
}

/** 65 bytes like those of the agent: r ‖ s and a recovery id. */
function recoverable(secret: Uint8Array, message: string): string {
  const der = Buffer.concat([Buffer.from('302e0201010420', 'hex'), secret, Buffer.from('a00706052b8104000a', 'hex')]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'sec1' });
  return toHex(concatBytes(sign('sha256', Buffer.from(message), { key, dsaEncoding: 'ieee-p1363' }), Uint8Array.of(0)));
}

function requireHex(value: string, length: number | undefined): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(value);
  if (bytes === undefined || (length !== undefined && bytes.length !== length))
    throw new RangeError('invalid hexadecimal');
  return bytes;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(bytes).digest());
}

function sha512(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha512').update(bytes).digest());
}
