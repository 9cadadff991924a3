/**
 * The guest services of Confidential Containers as a container sees them: `api-server-rest` on a loopback port of the
 * pod, in front of the attestation agent and the confidential data hub.
 *
 * Every process of the pod reaches it. Its `/aa/token` gives away the agent's own private key together with its token,
 * which is why nothing here asks for it: secrets are asked for under a key that is made here (`kbs.ts`).
 *
 * @module
 */
import { type JsonValue, toBase64Url, UsageError, VitrineError } from '@vitrine/documents';
import { type Endpoint, exchange } from '../http-exchange.ts';
import { type JsonMembers, readJsonObject, textMember, unexpected } from '../http-json.ts';

/** Where the service listens in every pod. */
export const COCO_GUEST: Endpoint = { kind: 'tcp', host: '127.0.0.1', port: 8006 };
/** Where the Kata agent leaves the init-data, in the guest's own file system: a container needs it mounted. */
export const INIT_DATA_FILE = '/run/confidential-containers/initdata/initdata.toml';

const SERVICE = 'the guest service of Confidential Containers';
/** An event log is up to 1 MiB, in base64 within JSON. */
const MAX_ANSWER_BYTES = 4 << 20;
const MAX_RESOURCE_BYTES = 1 << 20;
const TIMEOUT_MS = 30_000;

export interface CocoInfo {
  readonly version: string;
  /** Such as `tdx` or `snp`; absent where the service runs without the attestation agent. */
  readonly tee?: string;
}

export interface CocoGuest {
  info(): Promise<CocoInfo>;
  /**
   * Evidence of the TEE, as JSON of the agent's own. The agent neither hashes nor wraps what it is given: up to 64
   * bytes become the report data, with zeros behind them.
   */
  evidence(runtimeData: Uint8Array): Promise<JsonMembers>;
  /** Evidence of devices, a JSON text; empty where there are none. */
  additionalEvidence(runtimeData: Uint8Array): Promise<string>;
  /** A resource as the data hub fetches it, which any process of the pod can do. @param path - `repository/type/tag`. */
  resource(path: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** @param timeoutMs - For each request. */
export function cocoGuest(endpoint: Endpoint = COCO_GUEST, timeoutMs: number = TIMEOUT_MS): CocoGuest {
  const get = async (path: string, what: string, maxBytes = MAX_ANSWER_BYTES): Promise<Uint8Array<ArrayBuffer>> => {
    const { body } = await exchange(endpoint, {
      method: 'GET',
      path,
      maxBytes,
      timeoutMs,
      service: SERVICE,
      refused: (status) => refusal(what, status),
    });
    return body;
  };
  return {
    info: async () => {
      const members = readJsonObject(await get('/info', '/info'), `the answer of ${SERVICE} to /info`);
      return {
        version: textMember(members, 'version', '/info'),
        ...(members['tee'] === undefined ? {} : { tee: textMember(members, 'tee', '/info') }),
      };
    },
    evidence: async (runtimeData) => {
      const body = await get(`/aa/evidence?${query(runtimeData)}`, '/aa/evidence');
      return readJsonObject(body, `the evidence of ${SERVICE}`);
    },
    additionalEvidence: async (runtimeData) => {
      const body = await get(`/aa/additional-evidence?${query(runtimeData)}`, '/aa/additional-evidence');
      try {
        return new TextDecoder('utf-8', { fatal: true }).decode(body);
      } catch {
        throw unexpected(`the evidence of devices of ${SERVICE} is not text`);
      }
    },
    resource: (path) => get(`/cdh/resource/${resourcePath(path)}`, '/cdh/resource', MAX_RESOURCE_BYTES),
  };
}

/**
 * A resource is named by three parts; a URI `kbs:///…` as well.
 *
 * @throws UsageError `attester.resource`
 */
export function resourcePath(name: string): string {
  const path = name.replace(/^kbs:\/\/\//, '');
  // No part begins with a dot: a path like `a/../b` would be another resource by the time it is looked up.
  if (/^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/){2}[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(path) && path.length <= 256)
    return path;
  throw new UsageError(
    'attester.resource',
    `expected a resource as <repository>/<type>/<tag>, found ${JSON.stringify(name)}`,
  );
}

function query(runtimeData: Uint8Array): string {
  if (runtimeData.length > 64) {
    throw new UsageError('attester.report-data', `runtime data has at most 64 bytes, found ${runtimeData.length}`);
  }
  return `runtime_data=${toBase64Url(runtimeData)}&encoding=base64`;
}

/** Bodies of refusals are free text of several programs; their logs have it, too. */
function refusal(what: string, status: number): VitrineError {
  if (status === 404) {
    return new VitrineError(
      'attester.unavailable',
      `${SERVICE} does not offer ${what} (HTTP status 404); it has to be started with --features=all`,
    );
  }
  return new VitrineError(
    'attester.hardware',
    `${SERVICE} refused ${what} with HTTP status ${status}; its log and that of the attestation agent say why`,
  );
}

/** Bytes of a member in base64 with padding, as the agent's own evidence has them. @throws VitrineError `attester.hardware` */
export function base64Member(members: JsonMembers, name: string, what: string): Uint8Array<ArrayBuffer> {
  const text = textMember(members, name, what);
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  // Node's decoder skips what it does not understand; encoding again shows whether it did.
  if (Buffer.from(bytes).toString('base64') !== text) throw unexpected(`"${name}" of ${what} is not base64`);
  return bytes;
}

/** Bytes of a member that is a list of numbers, as Rust writes arrays. @throws VitrineError `attester.hardware` */
export function byteList(
  value: JsonValue | undefined,
  length: number | undefined,
  what: string,
): Uint8Array<ArrayBuffer> {
  const isByte = (one: JsonValue): boolean =>
    typeof one === 'number' && Number.isInteger(one) && one >= 0 && one <= 255;
  if (!Array.isArray(value) || !value.every(isByte) || (length !== undefined && value.length !== length)) {
    throw unexpected(`${what} is not a list of ${length === undefined ? '' : `${length} `}bytes`);
  }
  return Uint8Array.from(value as readonly number[]);
}
