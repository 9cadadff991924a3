/**
 * Event types of the TCG PC Client Platform Firmware Profile (PFP 1.05, section 10.4.1), and the
 * type that dstack took for its own.
 *
 * The type of a TCG event is not measured: whoever carries a log can rename it. It says how the
 * payload is to be read where the digest of that payload is recomputed, and nothing else.
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';

/** Types that this package treats differently from each other. */
export const EventType = {
  noAction: 0x00000003,
  separator: 0x00000004,
  action: 0x00000005,
  eventTag: 0x00000006,
  crtmVersion: 0x00000008,
  ipl: 0x0000000d,
  nonhostInfo: 0x00000011,
  variableDriverConfig: 0x80000001,
  variableBoot: 0x80000002,
  gptEvent: 0x80000006,
  efiAction: 0x80000007,
  variableBoot2: 0x8000000c,
  variableAuthority: 0x800000e0,
  /** dstack; not of the TCG. */
  dstackRuntime: 0x08000001,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  [0x00000000, 'EV_PREBOOT_CERT'],
  [0x00000001, 'EV_POST_CODE'],
  [0x00000003, 'EV_NO_ACTION'],
  [0x00000004, 'EV_SEPARATOR'],
  [0x00000005, 'EV_ACTION'],
  [0x00000006, 'EV_EVENT_TAG'],
  [0x00000007, 'EV_S_CRTM_CONTENTS'],
  [0x00000008, 'EV_S_CRTM_VERSION'],
  [0x00000009, 'EV_CPU_MICROCODE'],
  [0x0000000a, 'EV_PLATFORM_CONFIG_FLAGS'],
  [0x0000000b, 'EV_TABLE_OF_DEVICES'],
  [0x0000000c, 'EV_COMPACT_HASH'],
  [0x0000000d, 'EV_IPL'],
  [0x0000000e, 'EV_IPL_PARTITION_DATA'],
  [0x0000000f, 'EV_NONHOST_CODE'],
  [0x00000010, 'EV_NONHOST_CONFIG'],
  [0x00000011, 'EV_NONHOST_INFO'],
  [0x00000012, 'EV_OMIT_BOOT_DEVICE_EVENTS'],
  [0x80000001, 'EV_EFI_VARIABLE_DRIVER_CONFIG'],
  [0x80000002, 'EV_EFI_VARIABLE_BOOT'],
  [0x80000003, 'EV_EFI_BOOT_SERVICES_APPLICATION'],
  [0x80000004, 'EV_EFI_BOOT_SERVICES_DRIVER'],
  [0x80000005, 'EV_EFI_RUNTIME_SERVICES_DRIVER'],
  [0x80000006, 'EV_EFI_GPT_EVENT'],
  [0x80000007, 'EV_EFI_ACTION'],
  [0x80000008, 'EV_EFI_PLATFORM_FIRMWARE_BLOB'],
  [0x80000009, 'EV_EFI_HANDOFF_TABLES'],
  [0x8000000a, 'EV_EFI_PLATFORM_FIRMWARE_BLOB2'],
  [0x8000000b, 'EV_EFI_HANDOFF_TABLES2'],
  [0x8000000c, 'EV_EFI_VARIABLE_BOOT2'],
  [0x80000010, 'EV_EFI_HCRTM_EVENT'],
  [0x800000e0, 'EV_EFI_VARIABLE_AUTHORITY'],
  [0x800000e1, 'EV_EFI_SPDM_FIRMWARE_BLOB'],
  [0x800000e2, 'EV_EFI_SPDM_FIRMWARE_CONFIG'],
  [0x08000001, 'DSTACK_RUNTIME_EVENT'],
]);

/** The name of a type; its number in hexadecimal where the profile has none. */
export function typeName(type: number): string {
  return NAMES.get(type) ?? `0x${toHex(Uint8Array.of(type >>> 24, type >>> 16, type >>> 8, type))}`;
}
