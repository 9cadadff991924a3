/**
 * The two primary keys. Both are made from a seed of the TPM and a fixed template, so the same TPM makes the same
 * keys again after each start, and nothing has to be kept.
 *
 * - Storage key: owner hierarchy, the template of the TCG for P-256 ("TCG TPM v2.0 Provisioning Guidance", 7.5.1).
 *   Clearing the TPM gives another one, and all that was sealed under the former is lost.
 * - Attestation key: endorsement hierarchy, so that clearing the TPM leaves it as it is. Restricted: it signs only
 *   what the TPM itself made. ECDSA on P-256 with SHA-256.
 *
 * @module
 */
import { concatBytes, fromHex } from '@vitrine/documents';
import { parseCreatePrimary } from './answers.ts';
import { flushedAfter } from './flush.ts';
import { emptyPassword, plainHandle, runCommand, type TpmHandle } from './run-command.ts';
import { type EccPublic, type EccTemplate, eccPublicArea, ObjectAttribute, TpmAlg, TpmRh } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import { type Bytes, sized, u16, u32 } from './wire.ts';

export interface PrimaryKey {
  readonly handle: TpmHandle;
  /** 64 bytes. */
  readonly xy: Bytes;
}

const NONE = u16(TpmAlg.null);

const STORAGE_TEMPLATE: EccTemplate = {
  attributes:
    ObjectAttribute.fixedTpm |
    ObjectAttribute.fixedParent |
    ObjectAttribute.sensitiveDataOrigin |
    ObjectAttribute.userWithAuth |
    ObjectAttribute.noDictionaryAttack |
    ObjectAttribute.restricted |
    ObjectAttribute.decrypt,
  symmetric: concatBytes(u16(TpmAlg.aes), u16(128), u16(TpmAlg.cfb)),
  scheme: NONE,
};

const ATTESTATION_TEMPLATE: EccTemplate = {
  attributes:
    ObjectAttribute.fixedTpm |
    ObjectAttribute.fixedParent |
    ObjectAttribute.sensitiveDataOrigin |
    ObjectAttribute.userWithAuth |
    ObjectAttribute.noDictionaryAttack |
    ObjectAttribute.restricted |
    ObjectAttribute.sign,
  symmetric: NONE,
  scheme: concatBytes(u16(TpmAlg.ecdsa), u16(TpmAlg.sha256)),
};

/** What stands before x and y in the SubjectPublicKeyInfo of a P-256 key. */
const SPKI_PREFIX = '3059301306072a8648ce3d020106082a8648ce3d03010703420004';

/** The storage key, loaded while `work` runs. */
export async function withStorageKey<T>(transport: TpmTransport, work: (key: PrimaryKey) => Promise<T>): Promise<T> {
  const key = await createPrimary(transport, TpmRh.owner, STORAGE_TEMPLATE);
  return flushedAfter(transport, key.handle.value, () => work(key));
}

/** The attestation key. It stays loaded until the transport is closed. */
export function loadAttestationKey(transport: TpmTransport): Promise<PrimaryKey> {
  return createPrimary(transport, TpmRh.endorsement, ATTESTATION_TEMPLATE);
}

/** DER SubjectPublicKeyInfo of 64 bytes x ‖ y. */
export function p256Spki(xy: Uint8Array): Bytes {
  return concatBytes(fromHex(SPKI_PREFIX) ?? new Uint8Array(0), xy);
}

/** x ‖ y of a DER SubjectPublicKeyInfo; `undefined` for anything but an uncompressed P-256 key. */
export function p256Point(spki: Uint8Array): Bytes | undefined {
  const xy = Uint8Array.from(spki.subarray(-64));
  const again = p256Spki(xy);
  return spki.length === again.length && again.every((byte, index) => byte === spki[index]) ? xy : undefined;
}

async function createPrimary(transport: TpmTransport, hierarchy: number, template: EccTemplate): Promise<PrimaryKey> {
  const { handle, parameters } = await runCommand(
    transport,
    {
      what: 'TPM2_CreatePrimary',
      code: 0x0131,
      handles: [plainHandle(hierarchy)],
      // Empty password and no data; no outside information; no registers.
      parameters: concatBytes(sized(sized(), sized()), sized(eccPublicArea(template)), sized(), u32(0)),
      answersHandle: true,
    },
    emptyPassword,
  );
  const key: EccPublic = parseCreatePrimary(parameters, template);
  return { handle: { value: handle, name: key.name }, xy: key.xy };
}
