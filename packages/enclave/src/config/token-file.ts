/**
 * A file of static tokens, which stays with the operator: the manifest has their digests only.
 *
 * On each line a name, a blank, and the token; empty lines and lines that begin with `#` are left out.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { UsageError } from '@vitrine/documents';

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** RFC 6750, `b64token`. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
/** Their digests are public, so that guesses can be tried: 128 random bits take 22 characters of base64url. */
const MIN_LENGTH = 22;

/**
 * SHA-256 of each token in hexadecimal, by its name.
 *
 * @param file - How the file is called in errors.
 * @throws UsageError with code `config.tokens`, which names lines and never what is in them.
 */
export function tokenDigests(content: string, file: string): Readonly<Record<string, string>> {
  const digests = new Map<string, string>();
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const refuse = (why: string): never => {
      throw new UsageError('config.tokens', `${file}:${index + 1}: ${why}`);
    };
    const [name = '', token = '', ...more] = line.trim().split(/[ \t]+/);
    if (!NAME.test(name) || token === '' || more.length > 0) {
      refuse('expected a name of letters, digits, ".", "_" and "-", a blank, and the token');
    }
    if (!TOKEN.test(token)) refuse('the token has characters that a bearer token cannot have');
    if (token.length < MIN_LENGTH) {
      refuse(
        `the token is shorter than ${MIN_LENGTH} characters; make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d =`,
      );
    }
    if (digests.has(name)) refuse(`the name ${name} is there twice`);
    const digest = createHash('sha256').update(token).digest('hex');
    if ([...digests.values()].includes(digest)) refuse('this token has two names');
    digests.set(name, digest);
  }
  if (digests.size === 0) throw new UsageError('config.tokens', `${file} has no token`);
  return Object.fromEntries([...digests].sort(([left], [right]) => (left < right ? -1 : 1)));
}
