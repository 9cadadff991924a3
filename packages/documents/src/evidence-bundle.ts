/**
 * The evidence bundle: a JSON CMW collection (RFC 9999) that carries hardware evidence together
 * with the documents it commits to.
 *
 * Parsing checks form only. Nothing in a bundle is trusted until the verifier has tied it to
 * hardware evidence.
 *
 * @module
 */
import {
  type BootBinding,
  bootBindingShape,
  type ChannelBinding,
  channelBindingShape,
  type HandoverBinding,
  handoverBindingShape,
} from './binding.ts';
import { canonicalBytes } from './canonical.ts';
import { fromBase64Url, sameBytes, toBase64Url } from './encoding.ts';
import { type Endorsements, endorsementsShape } from './endorsements.ts';
import { MalformedEvidenceError } from './errors.ts';
import { type KeyStatements, keyStatementsShape } from './key-statement.ts';
import { type Manifest, manifestShape } from './manifest.ts';
import { type Shape, showPath } from './shape.ts';
import { type JsonValue, parseStrictJson } from './strict-json.ts';

/** Identifies the collection, RFC 9999 member `__cmwc_t`. */
const COLLECTION_TYPE = 'tag:vitrine.dev,2026:evidence-bundle/v1';
const EVENT_LOG_TYPE = 'application/vnd.vitrine.eventlog';
const LAUNCH_TYPE = /^application\/vnd\.vitrine\.launch\.([a-z0-9-]+)$/;
const HARDWARE_TYPE = /^application\/vnd\.vitrine\.([a-z0-9-]+)$/;
/** Far above any real bundle (about 40 kB with endorsements) and far below what hurts to parse. */
export const MAX_BUNDLE_BYTES: number = 1 << 20;

export interface HardwareEvidence {
  /** What made it, such as `tdx`. The verifier decides whether it knows it. */
  readonly technology: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a platform launched the workload by, raw, whose digest its evidence has. */
export interface LaunchDocument {
  /** `app-compose` of dstack, `init-data` of Confidential Containers. The verifier decides whether it knows it. */
  readonly kind: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface EvidenceBundle {
  readonly hardware: HardwareEvidence;
  readonly manifest: Manifest;
  readonly boot: BootBinding;
  /** What was extended into the run-time registers, raw, in the format of whoever extended them. */
  readonly eventLog?: Uint8Array<ArrayBuffer>;
  /** Where the platform was started by a document of its own. */
  readonly launch?: LaunchDocument;
  /** Absent in evidence that was made at boot and is not about a connection. */
  readonly channel?: ChannelBinding;
  /** In evidence that one enclave makes for another, and in no other; never beside `channel`. */
  readonly handover?: HandoverBinding;
  /** What the enclave says of its keys. */
  readonly keyStatements?: KeyStatements;
  readonly endorsements?: Endorsements;
}

interface DocumentMember {
  readonly label: string;
  readonly mediaType: string;
  readonly shape: Shape<unknown>;
}

const DOCUMENTS = {
  manifest: { label: 'manifest', mediaType: 'application/vnd.vitrine.manifest+json', shape: manifestShape },
  boot: { label: 'binding.boot', mediaType: 'application/vnd.vitrine.boot-binding+json', shape: bootBindingShape },
  channel: {
    label: 'binding.channel',
    mediaType: 'application/vnd.vitrine.channel-binding+json',
    shape: channelBindingShape,
  },
  handover: {
    label: 'binding.handover',
    mediaType: 'application/vnd.vitrine.handover-binding+json',
    shape: handoverBindingShape,
  },
  keyStatements: {
    label: 'key-statements',
    mediaType: 'application/vnd.vitrine.key-statements+json',
    shape: keyStatementsShape,
  },
  endorsements: {
    label: 'endorsements',
    mediaType: 'application/vnd.vitrine.endorsements+json',
    shape: endorsementsShape,
  },
} as const satisfies Record<string, DocumentMember>;

const LABELS: readonly string[] = [
  '__cmwc_t',
  'hardware',
  'eventlog',
  'launch',
  ...Object.values(DOCUMENTS).map((member) => member.label),
];

/** The text of a bundle, canonical (RFC 8785). */
export function formatEvidenceBundle(bundle: EvidenceBundle): string {
  const collection: Record<string, JsonValue> = {
    __cmwc_t: COLLECTION_TYPE,
    hardware: [`application/vnd.vitrine.${bundle.hardware.technology}`, toBase64Url(bundle.hardware.bytes)],
  };
  if (bundle.eventLog !== undefined) collection['eventlog'] = [EVENT_LOG_TYPE, toBase64Url(bundle.eventLog)];
  if (bundle.launch !== undefined) {
    collection['launch'] = [`application/vnd.vitrine.launch.${bundle.launch.kind}`, toBase64Url(bundle.launch.bytes)];
  }
  for (const key of ['manifest', 'boot', 'channel', 'handover', 'keyStatements', 'endorsements'] as const) {
    const document = bundle[key];
    if (document === undefined) continue;
    const member = DOCUMENTS[key];
    collection[member.label] = [member.mediaType, toBase64Url(canonicalBytes(document))];
  }
  return new TextDecoder().decode(canonicalBytes(collection));
}

/**
 * Reads a bundle. Each document must be in canonical form, so that its digest is that of the bytes carried.
 *
 * @throws MalformedEvidenceError (check `bundle.format`) for anything else.
 */
export function parseEvidenceBundle(text: string): EvidenceBundle {
  if (text.length > MAX_BUNDLE_BYTES) throw malformed(`larger than ${MAX_BUNDLE_BYTES} bytes`);
  const collection = readJson(text, 'the bundle');
  if (typeof collection !== 'object' || collection === null || Array.isArray(collection))
    throw malformed('not a JSON object');
  const members = collection as Readonly<Record<string, JsonValue>>;
  const unknown = Object.keys(members).find((label) => !LABELS.includes(label));
  if (unknown !== undefined) throw malformed(`unknown member ${JSON.stringify(unknown)}`);
  if (members['__cmwc_t'] !== COLLECTION_TYPE)
    throw malformed(`member "__cmwc_t" is not ${JSON.stringify(COLLECTION_TYPE)}`);

  const [hardwareType, hardwareBytes] = readRecord(members, 'hardware');
  const technology = HARDWARE_TYPE.exec(hardwareType)?.[1];
  if (technology === undefined) throw malformed(`unknown media type ${JSON.stringify(hardwareType)} of "hardware"`);
  const eventLog = readEventLog(members);
  const launch = readLaunch(members);
  const channel = readDocument(members, DOCUMENTS.channel, channelBindingShape);
  const handover = readDocument(members, DOCUMENTS.handover, handoverBindingShape);
  if (channel !== undefined && handover !== undefined) throw malformed('it is about a connection and a hand-over');
  const keyStatements = readDocument(members, DOCUMENTS.keyStatements, keyStatementsShape);
  const endorsements = readDocument(members, DOCUMENTS.endorsements, endorsementsShape);
  return {
    hardware: { technology, bytes: hardwareBytes },
    manifest: present(readDocument(members, DOCUMENTS.manifest, manifestShape), 'manifest'),
    boot: present(readDocument(members, DOCUMENTS.boot, bootBindingShape), 'binding.boot'),
    ...(eventLog === undefined ? {} : { eventLog }),
    ...(launch === undefined ? {} : { launch }),
    ...(channel === undefined ? {} : { channel }),
    ...(handover === undefined ? {} : { handover }),
    ...(keyStatements === undefined ? {} : { keyStatements }),
    ...(endorsements === undefined ? {} : { endorsements }),
  };
}

function readRecord(members: Readonly<Record<string, JsonValue>>, label: string): [string, Uint8Array<ArrayBuffer>] {
  const value = members[label];
  if (!Array.isArray(value) || value.length !== 2 || typeof value[0] !== 'string' || typeof value[1] !== 'string') {
    throw malformed(`member ${JSON.stringify(label)} is not [media type, base64url]`);
  }
  const bytes = fromBase64Url(value[1]);
  if (bytes === undefined) throw malformed(`the value of ${JSON.stringify(label)} is not canonical unpadded base64url`);
  return [value[0], bytes];
}

function readEventLog(members: Readonly<Record<string, JsonValue>>): Uint8Array<ArrayBuffer> | undefined {
  if (members['eventlog'] === undefined) return undefined;
  const [mediaType, bytes] = readRecord(members, 'eventlog');
  if (mediaType !== EVENT_LOG_TYPE)
    throw malformed(`"eventlog" has media type ${JSON.stringify(mediaType)}, expected ${EVENT_LOG_TYPE}`);
  return bytes;
}

function readLaunch(members: Readonly<Record<string, JsonValue>>): LaunchDocument | undefined {
  if (members['launch'] === undefined) return undefined;
  const [mediaType, bytes] = readRecord(members, 'launch');
  const kind = LAUNCH_TYPE.exec(mediaType)?.[1];
  if (kind === undefined) throw malformed(`unknown media type ${JSON.stringify(mediaType)} of "launch"`);
  return { kind, bytes };
}

function readDocument<T>(
  members: Readonly<Record<string, JsonValue>>,
  member: DocumentMember,
  shape: Shape<T>,
): T | undefined {
  if (members[member.label] === undefined) return undefined;
  const [mediaType, bytes] = readRecord(members, member.label);
  if (mediaType !== member.mediaType) {
    throw malformed(
      `${JSON.stringify(member.label)} has media type ${JSON.stringify(mediaType)}, expected ${member.mediaType}`,
    );
  }
  const value = readJson(decodeUtf8(bytes, member.label), member.label);
  const parsed = shape.parse(value);
  if (!parsed.ok) {
    const issue = parsed.issues[0];
    throw malformed(
      `${member.label}: ${issue === undefined ? 'malformed' : `${showPath(issue.path)} ${issue.message}`.trim()}`,
    );
  }
  if (!sameBytes(canonicalBytes(value), bytes)) throw malformed(`${member.label} is not in canonical form (RFC 8785)`);
  return parsed.value;
}

function readJson(text: string, what: string): JsonValue {
  try {
    return parseStrictJson(text);
  } catch (cause) {
    throw malformed(`${what}: ${cause instanceof Error ? cause.message : 'not JSON'}`, cause);
  }
}

function decodeUtf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed(`${what} is not UTF-8`, cause);
  }
}

function present<T>(value: T | undefined, label: string): T {
  if (value === undefined) throw malformed(`member ${JSON.stringify(label)} is missing`);
  return value;
}

function malformed(why: string, cause?: unknown): MalformedEvidenceError {
  return new MalformedEvidenceError(
    'bundle.format',
    `not an evidence bundle: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
