/**
 * Opens what a key broker sends: a flattened JWE (RFC 7516) to the P-256 key of one session.
 *
 * One form alone is taken: ECDH-ES with A256KW, A256GCM, an ephemeral key on P-256, and no other member anywhere. The
 * broker's side also knows RSA with PKCS #1 v1.5, and a hostile one could offer `dir`, compression or a point that is on no
 * curve; none of them gets to a decryption. What is opened is secret; nothing of it is in an error.
 *
 * @module
 */
import { fromBase64Url, VitrineError } from '@vitrine/documents';
import { type FlattenedJWE, flattenedDecrypt, type JWK } from 'jose';
import { asObject, type JsonMembers, readJsonObject, textMember } from '../http-json.ts';

const ALGORITHM = 'ECDH-ES+A256KW';
const ENCRYPTION = 'A256GCM';
const WHAT = 'the answer of the key broker';
/** Members and how many bytes each has; `undefined` where that varies. */
const PARTS: Readonly<Record<string, number | undefined>> = {
  protected: undefined,
  encrypted_key: 40,
  iv: 12,
  ciphertext: undefined,
  tag: 16,
};

/** The private key of a session, as a JWK of P-256. */
export type SessionKey = JWK & { readonly kty: 'EC'; readonly crv: 'P-256' };

/**
 * The content.
 *
 * @throws VitrineError `attester.hardware` for anything else than such a JWE to this key.
 */
export async function openBrokerJwe(body: Uint8Array, key: SessionKey): Promise<Uint8Array<ArrayBuffer>> {
  const jwe = readJsonObject(body, WHAT);
  requireExactly(jwe, Object.keys(PARTS), WHAT);
  for (const [name, length] of Object.entries(PARTS)) {
    const bytes = fromBase64Url(textMember(jwe, name, WHAT));
    if (bytes === undefined || (length !== undefined && bytes.length !== length))
      throw refused(`"${name}" has another form`);
  }
  const header = readJsonObject(fromBase64Url(textMember(jwe, 'protected', WHAT)) ?? '', `the header in ${WHAT}`);
  if (header['alg'] !== ALGORITHM)
    throw refused(`"alg" is ${JSON.stringify(header['alg'])}, and only ${ALGORITHM} is taken`);
  if (header['enc'] !== ENCRYPTION)
    throw refused(`"enc" is ${JSON.stringify(header['enc'])}, and only ${ENCRYPTION} is taken`);
  requireExactly(header, ['alg', 'enc', 'epk'], `the header in ${WHAT}`);
  const epk = asObject(header['epk'], `"epk" in ${WHAT}`);
  requireExactly(epk, ['kty', 'crv', 'x', 'y'], `"epk" in ${WHAT}`);
  if (epk['kty'] !== 'EC' || epk['crv'] !== 'P-256') throw refused('its ephemeral key is not on P-256');
  try {
    const { plaintext } = await flattenedDecrypt(jwe as unknown as FlattenedJWE, key, {
      keyManagementAlgorithms: [ALGORITHM],
      contentEncryptionAlgorithms: [ENCRYPTION],
    });
    return Uint8Array.from(plaintext);
  } catch {
    throw refused('it does not open with the key of this session: it was made for another key, or changed on the way');
  }
}

function requireExactly(members: JsonMembers, names: readonly string[], what: string): void {
  const extra = Object.keys(members).find((name) => !names.includes(name));
  if (extra !== undefined) throw refused(`${what} has a member ${JSON.stringify(extra)}`);
  const missing = names.find((name) => !Object.hasOwn(members, name));
  if (missing !== undefined) throw refused(`${what} has no member ${JSON.stringify(missing)}`);
}

function refused(why: string): VitrineError {
  return new VitrineError('attester.hardware', `the key broker's JWE is not taken: ${why}`);
}
