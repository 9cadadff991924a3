/**
 * The state directory: where one simulator keeps its false PKI, so that its root stays the same
 * from one run to the next and never is the same as anybody else's.
 *
 * `simulator-keys.json` holds the PKI, private keys included, for the owner alone (mode 0600).
 * `root.pem` repeats the root certificate, to be handed to relying parties. Both appear whole or not
 * at all, and of two simulators that start at once in a new directory, both use the first one's keys.
 * `root-secret.ts` keeps a third file there.
 *
 * @module
 */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DistinguishedName, encodePem } from '@vitrine/attester';
import { UsageError } from '@vitrine/documents';
import type { IssuedCertificate } from './certificate.ts';
import { keyPairOf } from './keys.ts';
import { createPki, distinguishedName, PKI_NAMES, type Pki, SIMULATOR_ROOT_NAME } from './pki.ts';
import { sgxExtension } from './platform.ts';
import { readPlatform, type State, type StateMember, stateShape, writePlatform } from './state-document.ts';

const KEYS_FILE = 'simulator-keys.json';
const ROOT_FILE = 'root.pem';

export interface SimulatorState {
  readonly pki: Pki;
  readonly rootPem: string;
  /** Path of the root certificate in PEM. */
  readonly rootFile: string;
}

/**
 * Opens the state in `directory`, and makes it there when there is none.
 *
 * @throws UsageError `simulator.state-unusable` for a directory that cannot be used,
 *   `simulator.state-damaged` naming the file, `simulator.state-expired` when its certificates are not valid at `now`.
 */
export async function openState(directory: string, now: Date): Promise<SimulatorState> {
  const keysFile = join(directory, KEYS_FILE);
  const rootFile = join(directory, ROOT_FILE);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await readIfThere(keysFile)) === undefined) await createOnce(keysFile, formatState(createPki(now)));
    const pki = parseState(await readFile(keysFile, 'utf8'), keysFile);
    const rootPem = encodePem('CERTIFICATE', pki.root.der);
    const published = await readIfThere(rootFile);
    if (published === undefined) await replace(rootFile, rootPem);
    else if (published !== rootPem) throw damaged(rootFile, `it is not the root certificate in ${KEYS_FILE}`);
    checkValidity(pki, now, directory);
    return { pki, rootPem, rootFile };
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new UsageError(
      'simulator.state-unusable',
      `the simulator cannot keep its state in ${directory}: ${cause.message}; name a directory that you may write to`,
      { cause },
    );
  }
}

/** The file appears with all of `content` or, when another process was first, stays as that one made it. */
export async function createOnce(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: 'wx', flush: true });
    await link(temporary, file);
  } catch (cause) {
    if (!isSystemError(cause) || cause.code !== 'EEXIST') throw cause;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The file has all of `text`, whatever was there. */
export async function replace(file: string, text: string): Promise<void> {
  const temporary = temporaryName(file);
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
  await rename(temporary, file);
}

function temporaryName(file: string): string {
  return `${file}.${randomBytes(8).toString('hex')}.tmp`;
}

/** `undefined` where there is no such file. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (isSystemError(cause) && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}

function formatState(pki: Pki): string {
  const member = (certificate: IssuedCertificate): StateMember => ({
    certificate: encodePem('CERTIFICATE', certificate.der),
    key: certificate.key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  });
  const state: State = {
    type: 'vitrine/simulator-state/v1',
    root: member(pki.root),
    intermediate: member(pki.intermediate),
    pck: member(pki.pck),
    tcbSigning: member(pki.tcbSigning),
    platform: writePlatform(pki.platform),
  };
  return `${JSON.stringify(state, null, 2)}\n`;
}

function parseState(text: string, file: string): Pki {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged(file, 'it is not JSON');
  }
  const parsed = stateShape.parse(json);
  // The issues would quote what was found, and that may be a key.
  if (!parsed.ok) throw damaged(file, 'members are missing, unknown or of the wrong form');
  const state = parsed.value;
  const root = readMember(state.root, SIMULATOR_ROOT_NAME, undefined, file);
  const intermediate = readMember(state.intermediate, PKI_NAMES.intermediate, root, file);
  const pck = readMember(state.pck, PKI_NAMES.pck, intermediate, file);
  const tcbSigning = readMember(state.tcbSigning, PKI_NAMES.tcbSigning, root, file);
  const platform = readPlatform(state.platform);
  if (!Buffer.from(pck.der).includes(Buffer.from(sgxExtension(platform).value))) {
    throw damaged(file, 'the PCK certificate is not that of the platform');
  }
  return { root, intermediate, pck, tcbSigning, platform };
}

function readMember(
  member: StateMember,
  name: string,
  issuer: IssuedCertificate | undefined,
  file: string,
): IssuedCertificate {
  try {
    const certificate = new X509Certificate(member.certificate);
    const key = keyPairOf(createPrivateKey(member.key));
    const subject: DistinguishedName = distinguishedName(name);
    const issuerKey = issuer === undefined ? certificate.publicKey : new X509Certificate(issuer.der).publicKey;
    if (
      certificate.checkPrivateKey(key.privateKey) &&
      certificate.verify(issuerKey) &&
      certificate.subject === subject.map(([attribute, value]) => `${attribute}=${value}`).join('\n')
    ) {
      return {
        der: Uint8Array.from(certificate.raw),
        key,
        serial: Uint8Array.from(Buffer.from(certificate.serialNumber, 'hex')),
        subject,
      };
    }
  } catch {
    // Whatever the library says could quote the key; the file is named below.
  }
  throw damaged(file, `the certificate ${JSON.stringify(name)} or its key is not usable`);
}

function checkValidity(pki: Pki, now: Date, directory: string): void {
  for (const { der } of [pki.root, pki.intermediate, pki.pck, pki.tcbSigning]) {
    const { validFromDate, validToDate } = new X509Certificate(der);
    if (now >= validFromDate && now <= validToDate) continue;
    throw new UsageError(
      'simulator.state-expired',
      `the simulator's certificates in ${directory} are valid from ${validFromDate.toISOString()} to ${validToDate.toISOString()}, and it is ${now.toISOString()}; correct the clock, or delete the directory to get new ones, and hand out the new ${ROOT_FILE}`,
    );
  }
}

function damaged(file: string, why: string): UsageError {
  return new UsageError(
    'simulator.state-damaged',
    `${file} is damaged: ${why}; delete the directory that it is in to start with a new simulator, and hand out the new ${ROOT_FILE}`,
  );
}

export function isSystemError(value: unknown): value is NodeJS.ErrnoException {
  return value instanceof Error && 'syscall' in value;
}
