/**
 * Guards what goes into the manifest. It is public to everyone who verifies, so what looks like a secret is
 * refused; and it stands for exact code, so variables that load other code are refused.
 *
 * Recognising secrets is a safety net with holes: a secret with an innocent name and no known form passes.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';

const SECRET_NAME =
  /(?:^|[_-])(?:secret|token|password|passwd|passphrase|pwd|api[_-]?key|apikey|private[_-]?key|access[_-]?key|secret[_-]?key|credentials?|mnemonic|seed[_-]?phrase|auth)$/i;

/** By form, with the name by which the error calls it. */
const SECRET_FORMS: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/],
  ['a JSON Web Token', /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\./],
  ['an address with a password in it', /[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i],
  ['an AWS access key', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})/],
  ['a GitLab token', /\bglpat-[A-Za-z0-9_-]{16,}/],
  ['a Slack token', /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/],
  ['a Google API key', /\bAIza[0-9A-Za-z_-]{35}/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{30,}/],
  ['a Hugging Face token', /\bhf_[A-Za-z0-9]{30,}/],
  ['an API key', /\b(?:sk|rk|pk)(?:-|_)(?:live|test|ant|proj|or)?[_-]?[A-Za-z0-9_-]{20,}/],
];

const CODE_LOADERS =
  /^(?:NODE_OPTIONS|NODE_PATH|LD_.+|DYLD_.+|BASH_ENV|ENV|PYTHONSTARTUP|PYTHONPATH|PYTHONHOME|PERL5OPT|PERL5LIB|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS)$/i;

/**
 * @throws UsageError with code `config.secret` or `config.environment`. The message never shows the value.
 */
export function checkPublicValues(args: readonly string[], environment: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (CODE_LOADERS.test(name)) {
      throw new UsageError(
        'config.environment',
        `the environment variable ${name} can load code that is not measured; leave it out`,
      );
    }
    if (value !== '' && SECRET_NAME.test(name)) throw secret(`the environment variable ${name} is named like a secret`);
    const form = formOf(value);
    if (form !== undefined) throw secret(`the value of the environment variable ${name} looks like ${form}`);
  }
  for (const [index, argument] of args.entries()) {
    const form = formOf(argument);
    if (form !== undefined) throw secret(`argument ${index + 1} looks like ${form}`);
    const [, option, value] = /^-{1,2}([A-Za-z][A-Za-z0-9_-]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (option === undefined || !SECRET_NAME.test(option)) continue;
    const next = value ?? args[index + 1];
    if (next !== undefined && next !== '' && !next.startsWith('-')) {
      throw secret(`argument ${index + 1} (--${option}) is named like a secret`);
    }
  }
}

function formOf(value: string): string | undefined {
  return SECRET_FORMS.find(([, pattern]) => pattern.test(value))?.[0];
}

function secret(what: string): UsageError {
  return new UsageError(
    'config.secret',
    `${what}. Arguments and environment are part of the manifest, which everyone who verifies can read. ` +
      'A server never gets a secret: write what other services want of it under "credentials", and what it signs with under "keys"; or rename it if it is none',
  );
}
