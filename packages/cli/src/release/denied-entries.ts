/**
 * What the flags of `vitrine release deny` add to a deny-list.
 *
 * @module
 */
import { type DeniedEntry, type DenyList, manifestDigest, type ReferenceEntry, UsageError } from '@vitrine/documents';
import { readReferenceValues } from '../inputs.ts';
import { readManifest } from './former-manifest.ts';

export interface EntryFlags {
  readonly manifest?: readonly string[];
  readonly measurement?: readonly string[];
  readonly below?: readonly string[];
  readonly minimum?: readonly string[];
  readonly reason?: string;
}

export type Entries = Pick<DenyList, 'denied' | 'minimum'>;

/** In the order of the flags' names in the help. Each image once, whatever reference values say twice. */
export async function entriesOf(flags: EntryFlags): Promise<Entries> {
  const { reason } = flags;
  const why = reason === undefined ? {} : { reason };
  const manifests = await Promise.all((flags.manifest ?? []).map(digestOf));
  const images = (flags.measurement ?? []).flatMap((file) =>
    readReferenceValues(file).entries.map((entry) => deniedImage(entry, file)),
  );
  const texts = images.map((image) => JSON.stringify(image));
  const denied: readonly DeniedEntry[] = [
    ...manifests.map((manifest) => ({ manifest, ...why })),
    ...images.filter((_, index) => texts.indexOf(texts[index] ?? '') === index).map((image) => ({ ...image, ...why })),
    ...(flags.below ?? []).map((given) => {
      const { application, number } = numbered('below', given, 2);
      return { application, below: number, ...why };
    }),
  ];
  if (reason !== undefined && denied.length === 0) {
    throw new UsageError(
      'usage.flag',
      '--reason is for --manifest, --measurement and --below: a least number has none',
    );
  }
  return { denied, minimum: (flags.minimum ?? []).map((given) => numbered('minimum', given, 1)) };
}

/**
 * The list with the entries. What it denied before it denies after that.
 *
 * @throws UsageError `denylist.same` for what it denies already; `denylist.minimum` for a lower number.
 */
export function withEntries<L extends Entries>(list: L, added: Entries): L {
  let { denied, minimum } = list;
  for (const entry of added.denied) {
    if (denied.some((one) => includes(one, entry))) throw alreadyThere(keyOf(entry));
    denied = [...denied, entry];
  }
  for (const entry of added.minimum) {
    const known = minimum.find(({ application }) => application === entry.application);
    if (known?.number === entry.number)
      throw alreadyThere(`number ${entry.number} as the least of ${entry.application}`);
    if (known !== undefined && known.number > entry.number) {
      throw new UsageError(
        'denylist.minimum',
        `--minimum: the list demands number ${known.number} of ${entry.application}, and ${entry.number} would take that back; what is denied stays denied`,
      );
    }
    minimum = known === undefined ? [...minimum, entry] : minimum.map((one) => (one === known ? entry : one));
  }
  return { ...list, denied, minimum };
}

/** Whether whatever `other` denies is denied by `one`. */
function includes(one: DeniedEntry, other: DeniedEntry): boolean {
  if ('manifest' in one) return 'manifest' in other && one.manifest === other.manifest;
  if ('application' in one) {
    return 'application' in other && one.application === other.application && one.below >= other.below;
  }
  return (
    'registers' in other &&
    one.technology === other.technology &&
    Object.entries(one.registers).every(([name, value]) => other.registers[name] === value)
  );
}

function keyOf(entry: DeniedEntry): string {
  if ('manifest' in entry) return `the manifest ${entry.manifest}`;
  return 'application' in entry ? `${entry.application} below ${entry.below}` : `the ${entry.technology} image`;
}

function alreadyThere(what: string): UsageError {
  return new UsageError('denylist.same', `${what} is on the list already; leave it out`);
}

async function digestOf(given: string): Promise<string> {
  return /^[0-9a-f]{96}$/.test(given) ? given : manifestDigest(readManifest(given));
}

/**
 * Where the other registers are those of the image, it is denied with every manifest, and the registers that only
 * name the manifest are left out. Where they are of firmware or of a platform's own image, which belong to many,
 * all are kept, and one of them has to say what was launched.
 */
function deniedImage(entry: ReferenceEntry, file: string): Extract<DeniedEntry, { readonly technology: string }> {
  const { technology } = entry;
  const registers = Object.fromEntries(
    Object.entries<string | undefined>(entry.registers)
      .flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
  const names = NAMES_LAUNCH[technology];
  const own = technology === 'snp' ? entry.covers === 'image' : technology !== 'tpm';
  if (own && !('launch' in entry)) {
    for (const name of names) delete registers[name];
    return { technology, registers };
  }
  // Zero names nothing.
  if (names.some((name) => /[1-9a-f]/.test(registers[name] ?? ''))) return { technology, registers };
  throw new UsageError(
    'denylist.measurement',
    `--measurement: the ${technology} registers in ${file} are of firmware or of a platform's image, in which other people's applications run, too; deny the manifest ${entry.manifestDigest} in their place: --manifest`,
  );
}

/** Registers that say which manifest, or which launch document, an image was started with. */
const NAMES_LAUNCH: Readonly<Record<ReferenceEntry['technology'], readonly string[]>> = {
  tdx: ['rtmr3', 'mrconfigid'],
  sgx: ['configid'],
  snp: ['hostdata'],
  nitro: [],
  tpm: ['pcr14'],
};

function numbered(
  flag: 'below' | 'minimum',
  given: string,
  least: number,
): { readonly application: string; readonly number: number } {
  const [, application, digits] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([1-9][0-9]{0,15})$/.exec(given) ?? [];
  const number = Number(digits);
  if (application !== undefined && Number.isSafeInteger(number) && number >= least) return { application, number };
  throw new UsageError(
    `usage.${flag}`,
    `--${flag}: expected the application's name, ":" and a manifest number of at least ${least}, such as notes:${least + 3}, found ${JSON.stringify(given)}`,
  );
}
