/**
 * The file `keyslots.json`: the AppRoot, wrapped once for each platform and manifest that may open it.
 *
 * The file lies on a disk that the host owns, so nothing in it is believed before a slot has opened: all
 * of a slot but the sealed root is authenticated with it. What the file cannot show is its age; a host
 * can put an older one back.
 *
 * @module
 */
import {
  documentDigest,
  hex,
  type Infer,
  integer,
  list,
  object,
  oneOf,
  parseDocument,
  type RootSource,
  type Shape,
  text,
  UsageError,
  upgradeShape,
} from '@vitrine/documents';

const sourceShape: Shape<RootSource> = object({
  kind: text('a kind of source', /^[a-z][a-z0-9-]*$/),
  boundTo: text('what the secret depends on'),
  derivableBy: list(text('who else can derive it'), 0),
  survivesUpgrade: oneOf(true, false),
  sharedByReplicas: oneOf(true, false),
});

const context = {
  /** The name in the manifest. */
  appId: text('the name of an application'),
  rootId: hex(32),
  manifestDigest: hex(48),
  manifestNumber: integer(1),
  /** Who can let another manifest open the slot; normal, as the manifest that it is wrapped for has it. */
  upgrade: upgradeShape,
  /** What wraps the root. All of them are needed together, in this order. */
  sources: list(sourceShape),
  /** Random; makes the wrapping key one that wraps this slot alone. */
  salt: hex(32),
} as const;

const slotContext = object(context);
/** `sealed`: the 32 bytes of the root and the 16 of the tag. */
const slot = object({ ...context, sealed: hex(48) });
const shape = object({ type: oneOf('vitrine/keyslots/v1'), slots: list(slot) });

/** Everything in a slot but the sealed root. */
export type SlotContext = Infer<typeof slotContext>;
export type Keyslot = Infer<typeof slot>;

/**
 * Reads the slots of one root.
 *
 * @throws UsageError `keys.slots-damaged` for anything but strict JSON of exactly this shape.
 */
export function parseKeyslots(json: string, file: string): readonly Keyslot[] {
  const damaged = (why: string, cause?: unknown): UsageError =>
    new UsageError(
      'keys.slots-damaged',
      `the key slots are damaged: ${why}; restore ${file} from a copy, since the keys under its root exist nowhere else`,
      { cause },
    );
  let slots: readonly Keyslot[];
  try {
    slots = parseDocument(json, shape, file).slots;
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw damaged(cause.message, cause);
  }
  const ids = new Set(slots.map(({ appId, rootId }) => `${rootId} ${appId}`));
  if (ids.size !== 1) throw damaged(`${file} has slots of ${ids.size} roots or applications`);
  return slots;
}

export function formatKeyslots(slots: readonly Keyslot[]): string {
  return `${JSON.stringify({ type: 'vitrine/keyslots/v1', slots }, null, 2)}\n`;
}

/** SHA-384 of the context's canonical bytes, in hexadecimal: what the wrapping of a slot is bound to. */
export async function contextDigest(slotOrContext: SlotContext): Promise<string> {
  const { appId, rootId, manifestDigest, manifestNumber, upgrade, sources, salt } = slotOrContext;
  return documentDigest({
    type: 'vitrine/keyslot-context/v1',
    appId,
    rootId,
    manifestDigest,
    manifestNumber,
    upgrade,
    sources,
    salt,
  });
}
