/**
 * Where an emulated SEV-SNP chip keeps its false PKI and its secret, in the state directory of the simulator.
 *
 * `simulator-snp.json` holds them, private keys included, for the owner alone (mode 0600). `ark.pem` repeats the
 * root certificate, to be handed to relying parties. As with `state.ts`, files appear whole or not at all, and of
 * two processes that start at once both use the first one's keys.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePem } from '@vitrine/attester';
import { fromHex, hex, type Infer, object, oneOf, text, toHex, UsageError } from '@vitrine/documents';
import {
  AMD_NAMES,
  type AmdAuthorities,
  type AmdMember,
  type AmdPki,
  amdName,
  createAmdPki,
  generateAmdAuthorities,
} from './amd-pki.ts';
import { keyPairOf } from './keys.ts';
import { createOnce, isSystemError, readIfThere, replace } from './state.ts';

const KEYS_FILE = 'simulator-snp.json';
const ROOT_FILE = 'ark.pem';

export interface AmdState {
  readonly pki: AmdPki;
  readonly arkPem: string;
  /** Path of the root certificate in PEM. */
  readonly rootFile: string;
}

const member = object({
  certificate: text('a certificate in PEM', /^-----BEGIN CERTIFICATE-----\n/),
  key: text('a private key in PEM', /^-----BEGIN PRIVATE KEY-----\n/),
});

const stateShape = object({
  type: oneOf('vitrine/simulator-snp-state/v1'),
  ark: member,
  ask: member,
  vcek: member,
  chipId: hex(64),
  chipSecret: hex(32),
});

type State = Infer<typeof stateShape>;

/**
 * Opens the state in `directory`, and makes it there when there is none, which takes seconds.
 *
 * @param authorities - Keys for a new state; made anew unless given.
 * @throws UsageError `simulator.state-unusable`, `simulator.state-damaged` or `simulator.state-expired`, as `openState` does.
 */
export async function openAmdState(
  directory: string,
  now: Date,
  authorities: () => Promise<AmdAuthorities> = generateAmdAuthorities,
): Promise<AmdState> {
  const keysFile = join(directory, KEYS_FILE);
  const rootFile = join(directory, ROOT_FILE);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await readIfThere(keysFile)) === undefined) {
      await createOnce(keysFile, formatState(createAmdPki(now, await authorities())));
    }
    const pki = parseState(await readFile(keysFile, 'utf8'), keysFile);
    const arkPem = encodePem('CERTIFICATE', pki.ark.der);
    const published = await readIfThere(rootFile);
    if (published === undefined) await replace(rootFile, arkPem);
    else if (published !== arkPem) throw damaged(rootFile, `it is not the root certificate in ${KEYS_FILE}`);
    checkValidity(pki, now, directory);
    return { pki, arkPem, rootFile };
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new UsageError(
      'simulator.state-unusable',
      `the simulator cannot keep its state in ${directory}: ${cause.message}; name a directory that you may write to`,
      { cause },
    );
  }
}

function formatState({ ark, ask, vcek, chipId, chipSecret }: AmdPki): string {
  const written = ({ der, key }: AmdMember): State['ark'] => ({
    certificate: encodePem('CERTIFICATE', der),
    key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  });
  const state: State = {
    type: 'vitrine/simulator-snp-state/v1',
    ark: written(ark),
    ask: written(ask),
    vcek: written(vcek),
    chipId: toHex(chipId),
    chipSecret: toHex(chipSecret),
  };
  return `${JSON.stringify(state, null, 2)}\n`;
}

function parseState(json: string, file: string): AmdPki {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw damaged(file, 'it is not JSON');
  }
  const parsed = stateShape.parse(value);
  // The issues would quote what was found, and that may be a key.
  if (!parsed.ok) throw damaged(file, 'members are missing, unknown or of the wrong form');
  const state = parsed.value;
  const ark = readMember(state.ark, AMD_NAMES.ark, undefined, file);
  const ask = readMember(state.ask, AMD_NAMES.ask, ark, file);
  const vcek = readMember(state.vcek, AMD_NAMES.vcek, ask, file);
  const [chipId, chipSecret] = [fromHex(state.chipId), fromHex(state.chipSecret)];
  if (chipId === undefined || chipSecret === undefined || !Buffer.from(vcek.der).includes(Buffer.from(chipId))) {
    throw damaged(file, 'the VCEK certificate is not that of the chip');
  }
  return { ark, ask, vcek, chipId, chipSecret };
}

function readMember(
  { certificate, key }: State['ark'],
  name: string,
  issuer: AmdMember | undefined,
  file: string,
): AmdMember {
  try {
    const read = new X509Certificate(certificate);
    const pair = keyPairOf(createPrivateKey(key));
    const issuerKey = issuer === undefined ? read.publicKey : new X509Certificate(issuer.der).publicKey;
    const subject = amdName(name)
      .map(([attribute, value]) => `${attribute}=${value}`)
      .join('\n');
    if (read.checkPrivateKey(pair.privateKey) && read.verify(issuerKey) && read.subject === subject) {
      return { der: Uint8Array.from(read.raw), key: pair };
    }
  } catch {
    // Whatever the library says could quote the key; the file is named below.
  }
  throw damaged(file, `the certificate ${JSON.stringify(name)} or its key is not usable`);
}

function checkValidity(pki: AmdPki, now: Date, directory: string): void {
  for (const { der } of [pki.ark, pki.ask, pki.vcek]) {
    const { validFromDate, validToDate } = new X509Certificate(der);
    if (now >= validFromDate && now <= validToDate) continue;
    throw new UsageError(
      'simulator.state-expired',
      `the certificates of the emulated SEV-SNP chip in ${directory} are valid from ${validFromDate.toISOString()} to ${validToDate.toISOString()}, and it is ${now.toISOString()}; correct the clock, or delete the directory to get new ones, and hand out the new ${ROOT_FILE}`,
    );
  }
}

function damaged(file: string, why: string): UsageError {
  return new UsageError(
    'simulator.state-damaged',
    `${file} is damaged: ${why}; delete the directory that it is in to start with a new simulator, and hand out the new ${ROOT_FILE}`,
  );
}
