/**
 * The dstack guest agent as its applications see it: JSON over HTTP on a Unix socket inside the TEE.
 *
 * Follows the agent's `DstackGuest` service of releases 0.5 and 0.6. What is used here is the same in both, with
 * three differences: `/Version` is there from 0.5.7 on; releases before it pass over `algorithm` in `/GetKey` and
 * always derive for secp256k1, which is what is asked; `/EmitEvent`, by which an application could extend RTMR3, is
 * gone in 0.6 and is not used in any. On machines without TDX the quote is empty, and another member has evidence in
 * dstack's own form, which nothing here reads.
 *
 * Whoever opens the socket can have anything quoted and can read the application's keys, so the agent belongs to the
 * key service alone.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { fromHex, type JsonValue, toHex, UsageError, VitrineError } from '@vitrine/documents';
import { type Endpoint, exchange, showEndpoint } from '../http-exchange.ts';
import {
  asObject,
  hexMember,
  type JsonMembers,
  readJsonObject,
  shownText,
  textMember,
  unexpected,
} from '../http-json.ts';

/** Where agents put their socket, in the order in which they are looked for. */
export const DSTACK_SOCKETS: readonly string[] = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
];

const SERVICE = 'the dstack guest agent';
/** A quote has about 5 kB, with a log 10 kB; `/Info` has app-compose in it, escaped twice. */
const MAX_ANSWER_BYTES = 4 << 20;
/** Quoting takes seconds where the machine's quoting enclave is loaded. */
const TIMEOUT_MS = 30_000;

export interface DstackInfo {
  /** 20 bytes, hexadecimal. */
  readonly appId: string;
  readonly instanceId: string;
  readonly appName: string;
  /** SHA-256, hexadecimal, of the app-compose that was started, as the agent says. */
  readonly composeHash: string;
  /** The text that was started; absent where the agent does not tell it. */
  readonly appCompose?: string;
  /** Who gave the application its keys: `kms`, `local-sgx`, `tpm` or `none`. */
  readonly keyProvider: { readonly name: string; readonly id: string };
  /** The machine, as its firmware names it, where the agent says it. */
  readonly platform: string;
}

export interface DstackQuote {
  /** Empty on a machine without TDX. */
  readonly quote: Uint8Array<ArrayBuffer>;
  /** JSON text. Empty on a machine without TDX. */
  readonly eventLog: string;
}

export interface DstackAgent {
  /** Where it is asked, for people. */
  readonly place: string;
  info(): Promise<DstackInfo>;
  /** @param reportData - Exactly 64 bytes; the agent would pad fewer. */
  quote(reportData: Uint8Array): Promise<DstackQuote>;
  /** 32 bytes: the same for the same `path`, whatever purpose and algorithm are asked for. */
  key(path: string, purpose: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Such as `0.6.0`; `undefined` before 0.5.7. */
  version(): Promise<string | undefined>;
}

/** The first socket of {@link DSTACK_SOCKETS} that is there. */
export function findDstackSocket(exists: (path: string) => boolean = existsSync): string | undefined {
  return DSTACK_SOCKETS.find(exists);
}

/**
 * The endpoint that a text names: a path, or a URL such as dstack's own simulator has. It is used where a caller
 * passes it on; no environment variable is read here.
 *
 * @throws UsageError `attester.endpoint`
 */
export function dstackEndpoint(text: string): Endpoint {
  if (text.startsWith('/')) return { kind: 'unix', path: text };
  if (text.startsWith('unix://')) return { kind: 'unix', path: text.slice('unix://'.length) };
  if (/^https?:\/\//.test(text)) return { kind: 'url', url: text };
  throw new UsageError(
    'attester.endpoint',
    `expected the path of the guest agent's socket or a URL, found ${JSON.stringify(text)}`,
  );
}

/** @param timeoutMs - For each request. */
export function dstackAgent(endpoint: Endpoint, timeoutMs: number = TIMEOUT_MS): DstackAgent {
  const call = async (method: string, request: JsonValue, secret = false): Promise<JsonMembers> => {
    const { body } = await exchange(endpoint, {
      method: 'POST',
      path: `/${method}`,
      headers: { accept: 'application/json' },
      json: JSON.stringify(request),
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs,
      service: SERVICE,
      refused: (status, answer) => refusal(method, status, secret ? undefined : answer),
    });
    return readJsonObject(body, answerTo(method));
  };
  return {
    place: showEndpoint(endpoint),
    info: async () => readInfo(await call('Info', {})),
    quote: async (reportData) => {
      if (reportData.length !== 64) {
        throw new UsageError('attester.report-data', `report data has exactly 64 bytes, found ${reportData.length}`);
      }
      const answer = await call('GetQuote', { report_data: toHex(reportData) });
      const what = answerTo('GetQuote');
      return { quote: hexMember(answer, 'quote', what), eventLog: textMember(answer, 'event_log', what) };
    },
    key: async (path, purpose) => {
      const answer = await call('GetKey', { path, purpose, algorithm: 'secp256k1' }, true);
      const key = hexMember(answer, 'key', answerTo('GetKey'));
      if (key.length === 32) return key;
      throw unexpected(`${answerTo('GetKey')} has a key of ${key.length} bytes and not 32`);
    },
    version: async () => {
      try {
        return textMember(await call('Version', {}), 'version', answerTo('Version'));
      } catch (cause) {
        if (cause instanceof VitrineError && cause.code === 'attester.unsupported') return undefined;
        throw cause;
      }
    },
  };
}

function answerTo(method: string): string {
  return `the answer of the dstack guest agent to /${method}`;
}

function refusal(method: string, status: number, answer: Uint8Array | undefined): VitrineError {
  // A method that is not there is 404 by some releases and 400 by others; only this one is not in all of them.
  if (status === 404 || (status === 400 && method === 'Version')) {
    return new VitrineError('attester.unsupported', `${SERVICE} does not know /${method}; releases 0.5 and 0.6 do`);
  }
  return new VitrineError(
    'attester.hardware',
    `${SERVICE} refused /${method} with HTTP status ${status}${answer === undefined ? '' : reasonIn(answer)}; its own log says more`,
  );
}

function reasonIn(answer: Uint8Array): string {
  try {
    return `: ${shownText(textMember(readJsonObject(answer, 'its error'), 'error', 'its error'))}`;
  } catch {
    return '';
  }
}

function readInfo(answer: JsonMembers): DstackInfo {
  const what = answerTo('Info');
  const tcbText = textMember(answer, 'tcb_info', what);
  // The agent hides it from outside only, but a release that hides it here as well says so with an empty text.
  const tcb = tcbText === '' ? {} : readJsonObject(tcbText, `"tcb_info" of ${what}`);
  const provider = readJsonObject(textMember(answer, 'key_provider_info', what), `"key_provider_info" of ${what}`);
  const composeHash = textMember(answer, 'compose_hash', what);
  if (fromHex(composeHash)?.length !== 32) throw unexpected(`"compose_hash" of ${what} is not SHA-256 in hexadecimal`);
  const optionalText = (name: string): string => (typeof answer[name] === 'string' ? shownText(answer[name]) : '');
  return {
    appId: toHex(hexMember(answer, 'app_id', what)),
    instanceId: toHex(hexMember(answer, 'instance_id', what)),
    appName: textMember(answer, 'app_name', what),
    composeHash,
    ...(tcb['app_compose'] === undefined
      ? {}
      : { appCompose: textMember(asObject(tcb, 'tcb_info'), 'app_compose', `"tcb_info" of ${what}`) }),
    keyProvider: {
      name: textMember(provider, 'name', `"key_provider_info" of ${what}`),
      id: textMember(provider, 'id', `"key_provider_info" of ${what}`),
    },
    platform: [optionalText('cloud_vendor'), optionalText('cloud_product')].filter((part) => part !== '').join(' '),
  };
}
