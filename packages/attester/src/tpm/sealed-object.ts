/**
 * Objects that a TPM keeps under a policy: bytes that are sealed, and a key that derives. Both are children of the
 * storage key, cannot leave the TPM, and have no password, only the policy.
 *
 * Bytes can be sealed by anybody, so whoever can write to the disk can put a sealed object there whose content they
 * know. The deriving key is made by the TPM from its own random numbers (`sensitiveDataOrigin`), which the TPM
 * vouches for in the public area: nobody knows what it derives without fulfilling the policy.
 *
 * Trusted Platform Module Library, part 3, "TPM2_Create", "TPM2_Load", "TPM2_Unseal", "TPM2_HMAC".
 *
 * @module
 */
import { concatBytes, sameBytes } from '@vitrine/documents';
import { type CreatedObject, parseBuffer, parseCreate, parseLoad } from './answers.ts';
import { flushedAfter } from './flush.ts';
import type { PrimaryKey } from './primary-keys.ts';
import { emptyPassword, runCommand, type TpmHandle } from './run-command.ts';
import type { TpmSession } from './session.ts';
import { ObjectAttribute, TpmAlg } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import { type Bytes, malformed, sized, u16, u32 } from './wire.ts';

export type ObjectKind = 'sealed' | 'deriving';

export const SECRET_BYTES = 32;
const COMMON =
  ObjectAttribute.fixedTpm |
  ObjectAttribute.fixedParent |
  ObjectAttribute.adminWithPolicy |
  ObjectAttribute.noDictionaryAttack;
const UNIQUE_BYTES = 34;

/** Public area of such an object but for its end, `unique`. */
function prefixOf(kind: ObjectKind, policy: Uint8Array): Bytes {
  const isDeriving = kind === 'deriving';
  const attributes = COMMON | (isDeriving ? ObjectAttribute.sensitiveDataOrigin | ObjectAttribute.sign : 0);
  const scheme = isDeriving ? concatBytes(u16(TpmAlg.hmac), u16(TpmAlg.sha256)) : u16(TpmAlg.null);
  return concatBytes(u16(TpmAlg.keyedHash), u16(TpmAlg.sha256), u32(attributes), sized(policy), scheme);
}

/** Whether `publicArea` is of such an object, under exactly this policy. */
export function isObjectUnder(publicArea: Uint8Array, kind: ObjectKind, policy: Uint8Array): boolean {
  const prefix = prefixOf(kind, policy);
  return publicArea.length === prefix.length + UNIQUE_BYTES && sameBytes(publicArea.subarray(0, prefix.length), prefix);
}

/**
 * Makes an object. What is sealed crosses the bus encrypted.
 *
 * @param session - An HMAC session.
 * @param secret - 32 bytes to seal; absent for a deriving key.
 */
export async function createObject(
  transport: TpmTransport,
  parent: PrimaryKey,
  session: TpmSession,
  policy: Bytes,
  secret?: Uint8Array,
): Promise<CreatedObject> {
  const kind = secret === undefined ? 'deriving' : 'sealed';
  const { parameters } = await runCommand(
    transport,
    {
      what: 'TPM2_Create',
      code: 0x0153,
      handles: [parent.handle],
      parameters: concatBytes(
        sized(sized(), sized(secret ?? new Uint8Array(0))),
        sized(prefixOf(kind, policy), sized()),
        sized(),
        u32(0),
      ),
    },
    session.use({ encryptCommand: true }),
  );
  const created = parseCreate(parameters);
  if (!isObjectUnder(created.public, kind, policy)) {
    throw malformed('the answer to TPM2_Create', 'the object is not what was asked for');
  }
  return created;
}

/** Loads an object while `work` runs. */
export async function withObject<T>(
  transport: TpmTransport,
  parent: PrimaryKey,
  object: CreatedObject,
  work: (handle: TpmHandle) => Promise<T>,
): Promise<T> {
  const { handle, parameters } = await runCommand(
    transport,
    {
      what: 'TPM2_Load',
      code: 0x0157,
      handles: [parent.handle],
      parameters: concatBytes(sized(object.private), sized(object.public)),
      answersHandle: true,
    },
    emptyPassword,
  );
  return flushedAfter(transport, handle, () => work({ value: handle, name: parseLoad(parameters, object.public) }));
}

/** What was sealed; it crosses the bus encrypted. @param session - A policy session that holds the policy. */
export async function unseal(transport: TpmTransport, object: TpmHandle, session: TpmSession): Promise<Bytes> {
  const what = 'TPM2_Unseal';
  const { parameters } = await runCommand(
    transport,
    { what, code: 0x015e, handles: [object], parameters: new Uint8Array(0) },
    session.use({ encryptAnswer: true }),
  );
  return parseBuffer(what, parameters, SECRET_BYTES);
}

/** HMAC-SHA256 of `label` with the deriving key; it crosses the bus encrypted. @param session - As for {@link unseal}. */
export async function derive(
  transport: TpmTransport,
  object: TpmHandle,
  session: TpmSession,
  label: Uint8Array,
): Promise<Bytes> {
  const what = 'TPM2_HMAC';
  const { parameters } = await runCommand(
    transport,
    { what, code: 0x0155, handles: [object], parameters: concatBytes(sized(label), u16(TpmAlg.sha256)) },
    session.use({ encryptAnswer: true }),
  );
  return parseBuffer(what, parameters, SECRET_BYTES);
}
