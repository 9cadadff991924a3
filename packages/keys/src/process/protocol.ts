/**
 * What a supervisor may send to the key service, read strictly: evidence for its own connections, receipts,
 * volume keys and credentials, and servers with their sockets. It can have nothing signed with a key of
 * the manifest, and there is no message that gives one.
 *
 * @module
 */
import {
  type BootBinding,
  denyListShape,
  hex,
  type Infer,
  integer,
  list,
  object,
  oneOf,
  optional,
  type Shape,
  showPath,
  text,
  VitrineError,
} from '@vitrine/documents';

const bytes = (length: number): Shape<Uint8Array> => ({
  schema: { type: 'object', description: `${length} bytes` },
  parse: (value, path = []) =>
    value instanceof Uint8Array && value.length === length
      ? { ok: true, value: Uint8Array.from(value) }
      : { ok: false, issues: [{ path, message: `expected ${length} bytes` }] },
});

const anything: Shape<unknown> = { schema: true, parse: (value) => ({ ok: true, value }) };
const flag = oneOf(true, false);
const name = text('a name', /^[\s\S]{1,256}$/);

const sandbox: Shape<BootBinding['sandbox']> = object({
  process: oneOf('bwrap', 'none'),
  seccomp: flag,
  cgroup: flag,
  volume: oneOf('directory', 'ephemeral', 'encrypted'),
});

const start = object({
  /** Judged where it is used. */
  manifest: anything,
  genesis: flag,
  /** Judged where it is used, too. */
  release: optional(anything),
  /** The root comes from a running enclave, by way of the supervisor. */
  handover: optional(object({ expectAppRoot: optional(hex(32)) })),
  /** Who must not have the root in a hand-over, as whoever runs this says. */
  denyLists: optional(list(denyListShape)),
  /** Whom to become before anything is read; only where the service is started by root. */
  user: optional(object({ uid: integer(1), gid: integer(1) })),
  /** To be in until then, since devices of the platform are theirs. */
  groups: optional(list(integer(1))),
  starter: object({ uid: optional(integer(0)), network: optional(name) }),
});
const bind = object({ tlsSpki: bytes(32), sandbox });
const channel = object({ nonce: bytes(32), exporter: bytes(32), leafSpki: bytes(32) });
const instance = object({ id: name, principal: text(), isolated: flag });
/** A message of a hand-over, either way: judged where it is read. */
const handover = object({ message: text(), endorsements: optional(anything) });
const payload: Shape<Readonly<Record<string, unknown>>> = {
  schema: { type: 'object' },
  parse: (value, path = []) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ok: true, value: value as Readonly<Record<string, unknown>> }
      : { ok: false, issues: [{ path, message: 'expected an object' }] },
};

/** What each message carries. */
export const messageShapes: {
  readonly start: Shape<Infer<typeof start>>;
  readonly bind: Shape<Infer<typeof bind>>;
  readonly channel: Shape<Infer<typeof channel>>;
  readonly instance: Shape<Infer<typeof instance>>;
  readonly handover: Shape<Infer<typeof handover>>;
  readonly message: Shape<string>;
  readonly name: Shape<string>;
  readonly payload: Shape<Readonly<Record<string, unknown>>>;
} = { start, bind, channel, instance, handover, message: text(), name, payload };

/** @throws VitrineError (`keys.protocol`) for anything else. */
export function readMessage<T>(shape: Shape<T>, value: unknown): T {
  const parsed = shape.parse(value);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  const where = issue === undefined ? '' : `: ${showPath(issue.path)} ${issue.message}`;
  throw new VitrineError('keys.protocol', `the key service does not understand that message${where}`);
}
