/**
 * Init-data of Confidential Containers: what a pod is started with, as a TOML file whose digest the host puts into
 * MRCONFIGID (TDX) or HOST_DATA (SEV-SNP) at launch.
 *
 * Only one spelling is read, the one that {@link renderInitData} writes: the manifest, the agent's policy, and which
 * key broker is asked. So no TOML parser stands between the bytes that are measured and what they say.
 *
 * Confidential Containers, "Initdata Specification", version 0.1.0.
 *
 * @module
 */
import { digest } from '#digest';
import { canonicalBytes, type DigestAlgorithm } from '../canonical.ts';
import { concatBytes, sameBytes } from '../encoding.ts';
import { type Manifest, manifestShape } from '../manifest.ts';
import { showPath } from '../shape.ts';
import { type JsonValue, parseStrictJson } from '../strict-json.ts';
import { type AgentPolicyTerms, parseAgentPolicy, renderAgentPolicy } from './agent-policy.ts';
import { LaunchError } from './launch-error.ts';

export type InitDataAlgorithm = 'sha256' | 'sha384' | 'sha512';

export interface InitDataTerms {
  readonly algorithm: InitDataAlgorithm;
  readonly manifest: Manifest;
  readonly policy: AgentPolicyTerms;
  /** The key broker that attestation agent and data hub ask; it learns evidence and gives secrets, and runs nothing. */
  readonly kbs?: {
    /** `http` or `https`. */
    readonly url: string;
    /** PEM of what its TLS certificate leads to. */
    readonly certificate?: string;
  };
}

const ALGORITHMS: Readonly<Record<InitDataAlgorithm, DigestAlgorithm>> = {
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};
const ENTRIES: readonly string[] = ['aa.toml', 'cdh.toml', 'policy.rego', 'vitrine.json'];
/** Far above any real one. */
const MAX_BYTES = 256 * 1024;
const QUOTES = "'''";
const KBS_URL = /^https?:\/\/[A-Za-z0-9._:[\]/-]+$/;
const PEM = /^(?:-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n){1,8}$/;

/**
 * Reads init-data.
 *
 * @throws LaunchError that names the entry.
 */
export function parseInitData(bytes: Uint8Array): InitDataTerms {
  if (bytes.length > MAX_BYTES) throw refused('', `longer than ${MAX_BYTES} bytes`);
  const { algorithm, entries } = readFile(decode(bytes));
  const manifest = readManifest(entries.get('vitrine.json'));
  const policy = entries.get('policy.rego');
  if (policy === undefined) throw refused('data."policy.rego"', 'missing: without it the host may run anything');
  const terms: InitDataTerms = {
    algorithm,
    manifest,
    policy: parseAgentPolicy(policy),
    ...readKbs(entries.get('cdh.toml')),
  };
  if (!sameBytes(renderInitData(terms), bytes)) {
    const said = renderEntries(terms);
    const name = ENTRIES.find((one) => said.get(one) !== entries.get(one));
    throw refused(name === undefined ? '' : member(name), 'it is not spelled as Vitrine spells it');
  }
  return terms;
}

/**
 * Writes init-data.
 *
 * @throws LaunchError for terms that cannot be written so that they are read back the same.
 */
export function renderInitData(terms: InitDataTerms): Uint8Array<ArrayBuffer> {
  const entries = [...renderEntries(terms)].map(([name, content]) => {
    const doubtful = content.includes(QUOTES) || content.endsWith("'") || UNSAFE.test(content);
    if (doubtful) throw refused(member(name), 'it has characters that a TOML literal cannot hold');
    return `"${name}" = ${QUOTES}\n${content}${QUOTES}\n`;
  });
  return new TextEncoder().encode(`version = "0.1.0"\nalgorithm = "${terms.algorithm}"\n\n[data]\n${entries.join('')}`);
}

/** Control characters but newline, and what UTF-8 cannot carry. */
const UNSAFE =
  /[\u0000-\u0009\u000b-\u001f\u007f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/**
 * The digest of init-data, by the algorithm that it names.
 *
 * @throws LaunchError where it names none.
 */
export async function initDataDigest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return digest(ALGORITHMS[readHead(decode(bytes)).algorithm], bytes);
}

/**
 * The form in which a platform carries that digest: cut to `length`, or zeros at its end. The platform does so by its
 * specification; a digest that was cut proves as much as its remaining bytes, and 32 are plenty.
 *
 * @param length - 48 for MRCONFIGID of TDX, 32 for HOST_DATA of SEV-SNP.
 */
export function carriedInitDataDigest(value: Uint8Array<ArrayBuffer>, length: 32 | 48): Uint8Array<ArrayBuffer> {
  return value.length >= length ? value.slice(0, length) : concatBytes(value, new Uint8Array(length - value.length));
}

const HEAD = /^version = "0\.1\.0"\nalgorithm = "(sha256|sha384|sha512)"\n\n\[data\]\n/;

function readHead(file: string): { readonly algorithm: InitDataAlgorithm; readonly rest: string } {
  const head = HEAD.exec(file);
  if (head === null) {
    throw refused(
      '',
      'expected version "0.1.0", algorithm "sha256", "sha384" or "sha512", and [data], as Vitrine spells them',
    );
  }
  return { algorithm: head[1] as InitDataAlgorithm, rest: file.slice(head[0].length) };
}

function readFile(file: string): {
  readonly algorithm: InitDataAlgorithm;
  readonly entries: ReadonlyMap<string, string>;
} {
  const { algorithm, rest } = readHead(file);
  const entries = new Map<string, string>();
  let left = rest;
  while (left !== '') {
    const opening = /^"([^"\n]{1,64})" = '''\n/.exec(left);
    const name = opening?.[1] ?? '';
    if (opening === null) throw refused('data', `expected "name" = ${QUOTES} after ${entries.size} entries`);
    if (!ENTRIES.includes(name)) throw refused(member(name), `unknown entry; allowed: ${ENTRIES.join(', ')}`);
    if (entries.has(name)) throw refused(member(name), 'it stands there twice');
    const end = left.indexOf(QUOTES, opening[0].length);
    if (end < 0) throw refused(member(name), 'it does not end');
    entries.set(name, left.slice(opening[0].length, end));
    if (left.slice(end, end + 4) !== `${QUOTES}\n`) throw refused(member(name), 'something follows on its last line');
    left = left.slice(end + 4);
  }
  return { algorithm, entries };
}

function readManifest(content: string | undefined): Manifest {
  const name = member('vitrine.json');
  if (content === undefined) throw refused(name, 'missing');
  let value: JsonValue;
  try {
    value = parseStrictJson(content);
  } catch (cause) {
    throw new LaunchError('init-data', name, 'it is not strict JSON', { cause });
  }
  const parsed = manifestShape.parse(value);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  throw refused(name, `${showPath(issue?.path ?? [])} ${issue?.message ?? 'malformed'}`.trim());
}

/** What the data hub's file says; whether both files say this and nothing else is seen by writing them again. */
function readKbs(hub: string | undefined): Pick<InitDataTerms, 'kbs'> {
  if (hub === undefined) return {};
  const url = /^url = "([^"\n]*)"$/m.exec(hub)?.[1] ?? '';
  const certificate = /^kbs_cert = """\n([^"]*)"""$/m.exec(hub)?.[1];
  if (!KBS_URL.test(url)) throw refused(member('cdh.toml'), 'it names no key broker by an http or https URL');
  return { kbs: { url, ...(certificate === undefined ? {} : { certificate }) } };
}

function renderEntries({ manifest, policy, kbs }: InitDataTerms): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  if (kbs !== undefined) {
    const { url, certificate } = kbs;
    if (!KBS_URL.test(url)) throw refused('kbs', 'expected an http or https URL');
    if (certificate !== undefined && !PEM.test(certificate)) throw refused('kbs', 'expected certificates in PEM form');
    const trusted = (name: string): string => (certificate === undefined ? '' : `${name} = """\n${certificate}"""\n`);
    entries.set('aa.toml', `[token_configs]\n[token_configs.kbs]\nurl = "${url}"\n${trusted('cert')}`);
    entries.set('cdh.toml', `[kbc]\nname = "cc_kbc"\nurl = "${url}"\n${trusted('kbs_cert')}`);
  }
  entries.set('policy.rego', renderAgentPolicy(policy));
  entries.set('vitrine.json', new TextDecoder().decode(canonicalBytes(manifest)));
  return entries;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new LaunchError('init-data', '', 'it is not UTF-8', { cause });
  }
}

function member(name: string): string {
  return `data."${name}"`;
}

function refused(where: string, why: string): LaunchError {
  return new LaunchError('init-data', where, why);
}
