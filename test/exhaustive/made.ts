/**
 * Evidence made for the purpose that is accepted, of each technology and with what is judged beside it.
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import { type ForgedQuoteOptions, forgeCollateral, forgePki, forgeQuote, forSgx } from '@vitrine/simulator/faults';
import {
  ANY_EVENTS,
  ascii,
  dstackEvent,
  dstackRegisters,
  extend,
  hashOf,
  jsonBytes,
  type MadeEvent,
  makeCcel,
  makeCel,
  makeTpmLog,
  secureBootVariable,
  tcgEvent,
  tlv,
} from '../../packages/verifier/src/testing/event-logs.ts';
import { forgeNitro, NITRO_ANCHOR, NITRO_NOW, NITRO_POLICY } from '../../packages/verifier/src/testing/forged-nitro.ts';
import { forgeSnp, generateSnpKeys, type SnpChanges } from '../../packages/verifier/src/testing/forged-snp.ts';
import {
  ECDSA_KEY,
  forgeTpm,
  PCR_VALUES,
  RSA_KEY,
  TPM_POLICY,
  type TpmChanges,
} from '../../packages/verifier/src/testing/forged-tpm.ts';
import { caseOf, fileOf } from '../system/cases.ts';
import { bytesOf } from '../system/judge.ts';
import { NOW } from '../system/tdx-cases.ts';
import type { Positive, Unmeasured } from './positive.ts';
import type { Subject } from './subjects.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The collateral of a platform is long, and one bit of each byte of it has to do. */
const COLLATERAL_STEP = 8;

const ZEROS = [0x00];
const BLANKS = [0x20, 0x0a, 0x0d, 0x09];

const GROUNDS = {
  head: 'the register and the version numbers of the specification event, which no register covers',
  hint: 'data of an event whose digest is of something else: a hint, which is not shown',
  label: 'the label of a firmware event, which is not shown',
  bank: 'digests of SHA-1, where those of SHA-256 are judged',
  pcrs: 'values of registers that the quote does not cover, which are not shown',
  attributes: 'attributes of a key that the caller vouches for, beside those that are demanded of it',
} as const;

/** All places of `part`, one of which there must be. */
function rangesOf(bytes: Bytes, part: Uint8Array | string, ground: string): Positive['unmeasured'] {
  const places: Unmeasured[] = [];
  const text = Buffer.from(bytes);
  const wanted = Buffer.from(part);
  for (let from = text.indexOf(wanted); from >= 0; from = text.indexOf(wanted, from + 1)) {
    places.push({ from, to: from + wanted.length, ground });
  }
  if (places.length === 0) throw new Error(`no place for ${ground}`);
  return places;
}

function positive(name: string, bytes: Bytes, subject: Subject, rest: Partial<Positive> = {}): Positive {
  return { name, bytes, subject, padding: [], unmeasured: [], ...rest };
}

/** Quotes of the forms that `tdxCases` does not have, and collateral. */
export function madeQuotes(): readonly Positive[] {
  const pki = forgePki({ now: NOW });
  const quote = (name: string, changes: ForgedQuoteOptions, collateral: Parameters<typeof forgeCollateral>[1] = {}) =>
    caseOf(name, forgeQuote(pki, changes), {
      at: NOW.toISOString(),
      endorsements: [fileOf(forgeCollateral(pki, collateral))],
      simulatorRoot: pki.rootPem,
    });
  const header: ForgedQuoteOptions['header'] = (good) => ({ ...good, version: 5 });
  const td15 = { teeTcbSvn2: Uint8Array.from({ length: 16 }, () => 6), mrServiceTd: new Uint8Array(48) };
  const quotes = [
    quote('TDX v5, TD 1.0', { header }),
    quote('TDX v5, TD 1.5', { header, body: (good) => ({ ...good, td15: { ...td15, teeTcbSvn2: good.teeTcbSvn } }) }),
    quote('SGX v3', { enclave: (good) => good }, forSgx),
  ];
  const collateral = [quote('TDX v4', {}), ...quotes.slice(-1)];
  return [
    ...quotes.map((one) =>
      positive(one.name, bytesOf(one.evidence), { kind: 'evidence', of: one }, { padding: ZEROS }),
    ),
    ...collateral.map((one) =>
      positive(
        `${one.name}: collateral`,
        bytesOf(one.endorsements[0] ?? ''),
        { kind: 'collateral', of: one },
        {
          padding: BLANKS,
          step: COLLATERAL_STEP,
        },
      ),
    ),
  ];
}

export async function madeReports(): Promise<readonly Positive[]> {
  const keys = await generateSnpKeys();
  const older = (version: number): SnpChanges => ({
    report: (bytes) => {
      bytes.fill(0, 0x1f8, 0x208)[0] = version;
      if (version < 3) bytes.fill(0, 0x188, 0x18b);
    },
  });
  const variants: readonly (readonly [name: string, changes: SnpChanges])[] = [
    ['SNP v2, VCEK', older(2)],
    ['SNP v3, VCEK', older(3)],
    ['SNP v5, VCEK', {}],
    ['SNP v5, VLEK', { kind: 'vlek' }],
    ['SNP v5, VCEK of Turin', { product: 'Turin' }],
  ];
  const reports = variants.map(([name, changes]) => {
    const { report, inputs } = forgeSnp(keys, changes);
    return positive(name, report, { kind: 'snp-report', inputs });
  });
  const beside = (['vcek', 'vlek'] as const).flatMap((kind) => {
    // An authority that is known beforehand would serve in the place of a changed one.
    const { report, inputs } = forgeSnp(keys, {
      kind,
      anchors: (anchor) => [{ ...anchor, authorities: [] }],
      certificates: ({ leaf, authority }) => [leaf, authority],
    });
    const { certificates, revocationLists } = inputs.endorsements;
    const name = `SNP v5, ${kind.toUpperCase()}`;
    // Authority and list of a fleet have the form of a chip's.
    const [own, listed] = kind === 'vcek' ? [certificates, revocationLists] : [certificates.slice(0, 1), []];
    return [
      ...own.map((der, index) =>
        positive(`${name}: ${index === 0 ? 'certificate' : 'authority'}`, der, {
          kind: 'snp-certificate',
          report,
          index,
          inputs,
        }),
      ),
      ...listed.map((der, index) =>
        positive(`${name}: revocation list`, der, { kind: 'snp-list', report, index, inputs }),
      ),
    ];
  });
  return [...reports, ...beside];
}

export function madeDocuments(): readonly Positive[] {
  const inputs = { policy: NITRO_POLICY, now: NITRO_NOW, anchors: [NITRO_ANCHOR] };
  return [
    positive('Nitro', forgeNitro(), { kind: 'nitro', inputs }),
    positive('Nitro, tagged, of definite length', forgeNitro({ tagged: true, payloadForm: 'definite' }), {
      kind: 'nitro',
      inputs,
    }),
  ];
}

export function madeTpmQuotes(): readonly Positive[] {
  const forms: readonly (readonly [name: string, changes: TpmChanges])[] = [
    ['RSA', { form: 'binary', key: RSA_KEY }],
    ['ECDSA', { form: 'binary', key: ECDSA_KEY }],
    ['hexadecimal in JSON', { form: 'hex' }],
    ['with its key in JSON', { form: 'keyed' }],
    ['r and s in JSON', { form: 'pub' }],
  ];
  return forms.map(([name, changes]) => {
    const { trusted } = changes.key ?? (changes.form === 'pub' ? ECDSA_KEY : RSA_KEY);
    const bytes = forgeTpm(changes);
    return positive(
      `TPM, ${name}`,
      bytes,
      { kind: 'tpm', inputs: { policy: TPM_POLICY, ak: trusted } },
      { padding: changes.form === 'binary' ? [] : BLANKS, unmeasured: unmeasuredOf(changes.form, bytes) },
    );
  });
}

/** The quotes are of registers 0 to 7, and the files have values of all. */
function unmeasuredOf(form: TpmChanges['form'], bytes: Bytes): Positive['unmeasured'] {
  if (form === 'hex' || form === 'keyed') {
    return PCR_VALUES.slice(8).flatMap((value) => rangesOf(bytes, value, GROUNDS.pcrs));
  }
  if (form !== 'pub') return [];
  const from = Buffer.from(bytes).indexOf(TPMT_HEAD) + TPMT_HEAD.length;
  return [{ from, to: from + 8, ground: GROUNDS.attributes }];
}

/** Kind and name algorithm of an ECC key, in front of its attributes. */
const TPMT_HEAD = '0023000b';

const LAUNCH_SEPARATOR = 8;
const HINT = ascii('a path that is not measured');
const SEPARATOR = { type: 4, data: new Uint8Array(4) };

export function madeLogs(): readonly Positive[] {
  const log = (name: string, bytes: Bytes, registers: Readonly<Record<string, string>>, rest: Partial<Positive> = {}) =>
    positive(name, bytes, { kind: 'event-log', inputs: { registers, policy: ANY_EVENTS, anchor: 'test' } }, rest);
  const opaque = (index: number, text: string): MadeEvent => ({
    index,
    type: 0x80000003,
    data: HINT,
    digests: { sha256: hashOf('sha256', ascii(text)), sha384: hashOf('sha384', ascii(text)) },
  });
  const events: readonly MadeEvent[] = [
    { index: 1, type: 0x80000001, data: secureBootVariable(Uint8Array.of(1)) },
    { index: 1, ...SEPARATOR },
    opaque(2, 'kernel'),
    { index: 3, type: 0x80000007, data: ascii('Exit Boot Services Invocation') },
  ];
  const digests = (bank: 'sha256' | 'sha384', from: number): readonly (readonly [number, Uint8Array])[] =>
    events.map(({ index, data, digests: given }) => [index - from, given?.[bank] ?? hashOf(bank, data)]);
  const launch = (version: 1 | 2) => [
    { imr: 0, event_type: 10, digest: 'aa'.repeat(48), event: 'acpi-loader', event_payload: toHex(ascii('ACPI DATA')) },
    dstackEvent('system-preparing', '', version),
    dstackEvent('app-id', 'abcd', version),
    dstackEvent('compose-hash', '1234', version),
    dstackEvent('system-ready', '', version),
  ];
  // Image, its digest, its environment, and the separator between launch and application.
  const records = [
    { type: 0, payload: ascii('registry.example/image:1') },
    { type: 1, payload: ascii('sha256:00') },
    { type: 5, payload: ascii('A=1') },
    { type: LAUNCH_SEPARATOR, payload: new Uint8Array() },
  ];
  const content = records.map(({ type, payload }) => hashOf('sha384', tlv(80, tlv(type, payload))));
  const ccel = makeCcel(events);
  const tpm = makeTpmLog(events);
  const unmeasured = (made: Bytes): Positive['unmeasured'] => [
    { from: 0, to: 1, ground: GROUNDS.head },
    { from: 48, to: 56, ground: GROUNDS.head },
    ...rangesOf(made, HINT, GROUNDS.hint),
  ];
  // Behind the register, the type, the number of digests and the name of the first algorithm.
  const sha1 = events.flatMap((event) => {
    const [{ from } = { from: 0 }] = rangesOf(tpm, tcgEvent(event, ['sha1', 'sha256']), GROUNDS.bank);
    return [{ from: from + 14, to: from + 34, ground: GROUNDS.bank }];
  });
  const dstack = (version: 1 | 2): Positive => {
    const bytes = jsonBytes(launch(version));
    const unmeasuredHere = [
      ...rangesOf(bytes, 'acpi-loader', GROUNDS.label),
      ...rangesOf(bytes, toHex(ascii('ACPI DATA')), GROUNDS.hint),
    ];
    return log(`dstack log V${version}`, bytes, dstackRegisters(launch(version)), {
      padding: BLANKS,
      unmeasured: unmeasuredHere,
    });
  };
  return [
    log('CCEL', ccel, extend('sha384', 'rtmr', digests('sha384', 1)), {
      padding: [0x00, 0xff],
      unmeasured: unmeasured(ccel),
    }),
    log('TPM log', tpm, extend('sha256', 'pcr', digests('sha256', 0)), { unmeasured: [...unmeasured(tpm), ...sha1] }),
    log(
      'CEL',
      makeCel(records),
      extend(
        'sha384',
        'rtmr',
        content.map((digest) => [3, digest] as const),
      ),
    ),
    dstack(1),
    dstack(2),
  ];
}
