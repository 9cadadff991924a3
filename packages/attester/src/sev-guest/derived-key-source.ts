/**
 * A root secret from the key that an SEV-SNP chip derives for a guest.
 *
 * The same fields give the same key on the same chip, for every guest that has them. With the firmware that a
 * cloud gives to all its tenants, the launch measurement is that of every tenant: a guest of somebody else on
 * the same chip then gets this very key. So it is one of several sources, and alone enough only where the launch
 * is the workload's own (kernel hashes in the measurement, or an ID block). The description says so.
 *
 * The TCB version is no field here: an update of the firmware would change the key.
 *
 * @module
 */
import { UsageError, VitrineError } from '@vitrine/documents';
import type { RootSecretSource } from '../root-secret.ts';
import { SNP_REPORT_BYTES } from '../tsm/quoted-report-data.ts';
import type { DerivedKeyField, SevGuest } from './sev-guest.ts';

/** What a root secret may be bound to. */
export type RootKeyField = Extract<DerivedKeyField, 'policy' | 'image-id' | 'family-id' | 'measurement' | 'guest-svn'>;

export const ROOT_KEY_FIELDS: readonly RootKeyField[] = ['measurement', 'policy', 'image-id', 'family-id', 'guest-svn'];

const NAMES: Readonly<Record<RootKeyField, string>> = {
  measurement: 'launch measurement',
  policy: 'guest policy',
  'image-id': 'image id',
  'family-id': 'family id',
  'guest-svn': 'guest SVN',
};
const GUEST_SVN_AT = 0x04;
/** It is not evidence: nobody sees it. */
const NO_REPORT_DATA = new Uint8Array(64);

export interface DerivedKeySourceOptions {
  /** {@link ROOT_KEY_FIELDS} unless given; at least one. */
  readonly fields?: readonly RootKeyField[];
  /** Security version of the guest to derive for, at most its own; its own unless given. Of `guest-svn` alone. */
  readonly guestSvn?: number;
  /** Privilege level to derive for; 0 unless given. */
  readonly vmpl?: number;
}

/** @throws UsageError for fields that no root may depend on. */
export function snpDerivedKeySource(guest: SevGuest, options: DerivedKeySourceOptions = {}): RootSecretSource {
  const { guestSvn, vmpl = 0 } = options;
  const given: readonly string[] = options.fields ?? ROOT_KEY_FIELDS;
  const unknown = given.find((field) => !ROOT_KEY_FIELDS.some((known) => known === field));
  if (unknown !== undefined || given.length === 0 || new Set(given).size !== given.length) {
    throw new UsageError(
      'attester.derived-key',
      `expected some of ${ROOT_KEY_FIELDS.join(', ')}, each once, found [${given.join(', ')}]`,
    );
  }
  const fields = ROOT_KEY_FIELDS.filter((field) => given.includes(field));
  if (guestSvn !== undefined && !fields.includes('guest-svn')) {
    throw new UsageError('attester.derived-key', 'a guest SVN is given, and the key does not depend on it');
  }
  const named = enumerated(fields.map((field) => NAMES[field]));
  return {
    description: {
      kind: 'snp-derived-key',
      boundTo: `this chip and the ${named}`,
      derivableBy: [`any guest on this chip with the same ${named}`],
      survivesUpgrade: !fields.includes('measurement') && (!fields.includes('guest-svn') || guestSvn !== undefined),
      sharedByReplicas: false,
    },
    secret: async () =>
      guest.derivedKey({
        rootKey: 'vcek',
        fields,
        vmpl,
        guestSvn: fields.includes('guest-svn') ? (guestSvn ?? (await ownSvn(guest, vmpl))) : 0,
        tcbVersion: 0n,
      }),
  };
}

/** The guest's own security version; only a report says it. */
async function ownSvn(guest: SevGuest, vmpl: number): Promise<number> {
  const { report } = await guest.extendedReport(NO_REPORT_DATA, vmpl);
  if (report.length !== SNP_REPORT_BYTES) {
    throw new VitrineError(
      'attester.hardware',
      `expected an SEV-SNP report of ${SNP_REPORT_BYTES} bytes, found ${report.length}`,
    );
  }
  return new DataView(report.buffer, report.byteOffset).getUint32(GUEST_SVN_AT, true);
}

function enumerated(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
