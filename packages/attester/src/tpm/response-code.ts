/**
 * What a TPM says when it does not do something: response codes by name and number, as errors.
 *
 * Trusted Platform Module Library, part 2, "TPM_RC": codes with bit 7 name the handle, session or parameter that is
 * at fault in further bits, which are taken off before the name is looked up.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/** Response codes that somebody acts upon, without the number of the handle, session or parameter. */
export const TpmRc = {
  initialize: 0x100,
  failure: 0x101,
  pcrChanged: 0x128,
  nvAuthorization: 0x149,
  nvUninitialized: 0x14a,
  nvSpace: 0x14b,
  nvDefined: 0x14c,
  value: 0x084,
  handle: 0x08b,
  authFail: 0x08e,
  signature: 0x09b,
  policyFail: 0x09d,
  integrity: 0x09f,
  objectMemory: 0x902,
  sessionMemory: 0x903,
  yielded: 0x908,
  testing: 0x90a,
  nvRate: 0x920,
  lockout: 0x921,
  retry: 0x922,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [TpmRc.initialize, 'TPM_RC_INITIALIZE: it was not started; the firmware or the emulator has to send TPM2_Startup'],
  [TpmRc.failure, 'TPM_RC_FAILURE: it is in failure mode; restart the machine, and of an emulator check its state'],
  [TpmRc.pcrChanged, 'TPM_RC_PCR_CHANGED: a register moved in between'],
  [TpmRc.nvAuthorization, 'TPM_RC_NV_AUTHORIZATION: the attributes of the NV index do not allow it'],
  [TpmRc.nvUninitialized, 'TPM_RC_NV_UNINITIALIZED: the NV index was never written'],
  [TpmRc.nvSpace, 'TPM_RC_NV_SPACE: no room for another NV index; remove one that nobody needs'],
  [TpmRc.nvDefined, 'TPM_RC_NV_DEFINED: the NV index is there already'],
  [TpmRc.value, 'TPM_RC_VALUE: a value is out of range'],
  [TpmRc.handle, 'TPM_RC_HANDLE: nothing has this handle'],
  [TpmRc.authFail, 'TPM_RC_AUTH_FAIL: the authorization is wrong; somebody gave the TPM’s hierarchy a password'],
  [TpmRc.signature, 'TPM_RC_SIGNATURE: the signature is not good'],
  [TpmRc.policyFail, 'TPM_RC_POLICY_FAIL: the policy does not hold, so the registers are not those of sealing'],
  [TpmRc.integrity, 'TPM_RC_INTEGRITY: the object was made by another TPM, before this one was cleared, or is damaged'],
  [0x0a2, 'TPM_RC_BAD_AUTH: the authorization is wrong; somebody gave the TPM’s hierarchy a password'],
  [0x0a0, 'TPM_RC_TICKET: the ticket is not good'],
  [0x095, 'TPM_RC_SIZE: a structure has the wrong size'],
  [0x143, 'TPM_RC_COMMAND_CODE: it does not know the command'],
  [0x146, 'TPM_RC_NV_RANGE: beyond the end of the NV index'],
  [0x148, 'TPM_RC_NV_LOCKED: the NV index is locked'],
  [TpmRc.objectMemory, 'TPM_RC_OBJECT_MEMORY: no room for another object; use the device with a resource manager'],
  [TpmRc.sessionMemory, 'TPM_RC_SESSION_MEMORY: no room for another session; use the device with a resource manager'],
  [TpmRc.yielded, 'TPM_RC_YIELDED: it was interrupted'],
  [TpmRc.testing, 'TPM_RC_TESTING: it is testing itself'],
  [TpmRc.nvRate, 'TPM_RC_NV_RATE: its memory is being written too often'],
  [TpmRc.lockout, 'TPM_RC_LOCKOUT: it is locked after wrong authorizations; wait, or reset the lockout'],
  [TpmRc.retry, 'TPM_RC_RETRY: it had no time'],
]);

const TRY_AGAIN: ReadonlySet<number> = new Set([TpmRc.retry, TpmRc.yielded, TpmRc.testing, TpmRc.nvRate]);

/** A command that the TPM answered with a response code other than success. */
export class TpmResponseError extends VitrineError {
  /** As the TPM sent it. */
  readonly responseCode: number;

  constructor(command: string, responseCode: number) {
    super(
      isTryAgain(responseCode) ? 'attester.busy' : 'attester.hardware',
      `the TPM refused ${command} with ${showResponseCode(responseCode)}`,
    );
    this.responseCode = responseCode;
  }
}

/** Whether the same command may succeed in a moment. */
export function isTryAgain(responseCode: number): boolean {
  return TRY_AGAIN.has(responseCode);
}

/** The code without the number of what is at fault. */
function plainResponseCode(responseCode: number): number {
  return (responseCode & 0x80) === 0 ? responseCode : responseCode & 0xbf;
}

/** Whether `error` is that answer of a TPM. */
export function isResponse(error: unknown, ...codes: readonly number[]): error is TpmResponseError {
  return error instanceof TpmResponseError && codes.includes(plainResponseCode(error.responseCode));
}

/** Number and, where it matters, name. */
export function showResponseCode(responseCode: number): string {
  const number = `0x${responseCode.toString(16).toUpperCase().padStart(3, '0')}`;
  const name = NAMES.get(plainResponseCode(responseCode));
  return name === undefined ? `response code ${number}` : `${number} ${name}`;
}
