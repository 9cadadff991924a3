/**
 * Whether firmware measured that UEFI Secure Boot is on (PFP 1.05, section 3.3.4.8: the variable
 * SecureBoot is measured into PCR 7 before its separator; on TDX, RTMR0 stands for PCR 7).
 *
 * A separator is known by its digest and not by its label, since labels are not measured: what
 * stands after the true one was written by software that already ran.
 *
 * @module
 */
import { fromHex, toHex } from '@vitrine/documents/evidence';
import type { AuthenticatedEvent } from './authenticated-event.ts';
import type { Bank, EventLog } from './event-log.ts';
import { separatorDigests } from './order.ts';
import { readVariable } from './payload.ts';

/** EFI_GLOBAL_VARIABLE, 8be4df61-93ca-11d2-aa0d-00e098032b8c, as in memory. */
const GLOBAL_VARIABLE = '61dfe48bca93d211aa0d00e098032b8c';

export type SecureBoot = 'on' | 'off' | 'not measured' | 'measured twice';

/** The register that Secure Boot is measured into. */
export function secureBootRegister({ registers }: EventLog): string {
  return registers === 'pcr' ? 'pcr7' : 'rtmr0';
}

/** @param events - Authenticated events, in the order of the log. */
export async function readSecureBoot(
  log: EventLog,
  events: readonly AuthenticatedEvent[],
  bank: Bank,
): Promise<SecureBoot> {
  const register = secureBootRegister(log);
  const separators = await separatorDigests(bank);
  const values: string[] = [];
  for (const event of events) {
    if (event.register !== register) continue;
    if (separators.has(event.digest)) break;
    if (event.type !== 'EV_EFI_VARIABLE_DRIVER_CONFIG' || event.payload === undefined) continue;
    const variable = readVariable(fromHex(event.payload) ?? new Uint8Array());
    if (variable?.name === 'SecureBoot' && variable.guid === GLOBAL_VARIABLE) values.push(toHex(variable.data));
  }
  const [value] = values;
  if (value === undefined) return 'not measured';
  if (values.length > 1) return 'measured twice';
  return value === '01' ? 'on' : 'off';
}
