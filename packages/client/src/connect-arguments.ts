/**
 * The flags of `vitrine-connect`, `vitrine connect` and `vitrine proxy`, as data: they are parsed
 * by this table, and all help texts are made from it. Loads nothing.
 *
 * @module
 */

/** One flag, in the form of the command line's descriptions of commands. */
export interface FlagSpec {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
  /** What its value is called in help texts; only for strings. */
  readonly value?: string;
  /** One sentence without a full stop. */
  readonly summary: string;
  readonly complete?: 'file' | 'directory' | 'none';
  /** Heading under which it is shown. */
  readonly group?: string;
}

const SIGN_IN = 'Sign-in';

/** What is accepted, and who the user is to the server. The same for the bridge and the proxy. */
export const CONNECT_FLAGS = {
  policy: { type: 'string', value: 'FILE', summary: "appraisal policy, in place of the pin's", complete: 'file' },
  reference: {
    type: 'string',
    value: 'FILE',
    summary: "reference values, in place of the pin's measurements",
    complete: 'file',
  },
  'allow-simulator': { type: 'boolean', summary: 'accept your own simulator, on a loopback URL only' },
  'simulator-root': {
    type: 'string',
    value: 'FILE',
    summary: 'accept the simulator with this root certificate (PEM)',
    complete: 'file',
  },
  'tpm-ak': {
    type: 'string',
    value: 'FILE',
    summary: 'accept the TPM with this attestation key (PEM); a pin keeps it, so this is needed once',
    complete: 'file',
  },
  'deny-list': {
    type: 'string',
    multiple: true,
    value: 'FILE',
    summary: 'refuse what this list denies, beside the lists that you keep; may be repeated',
    complete: 'file',
  },
  'header-file': {
    type: 'string',
    value: 'FILE',
    summary: 'send the headers in this file, one "Name: value" per line, to the attested server',
    complete: 'file',
    group: SIGN_IN,
  },
  'oauth-client': {
    type: 'string',
    value: 'FILE',
    summary: 'a client that is registered already: JSON with client_id and, if it has one, client_secret',
    complete: 'file',
    group: SIGN_IN,
  },
  'client-metadata-url': {
    type: 'string',
    value: 'URL',
    summary: "where this client's metadata document is published; the URL is then its id",
    complete: 'none',
    group: SIGN_IN,
  },
  'client-credentials': {
    type: 'boolean',
    summary: 'sign in as the client itself, without a person and a browser',
    group: SIGN_IN,
  },
  scope: {
    type: 'string',
    value: 'SCOPE',
    summary: 'ask for this scope, in place of what the server names',
    complete: 'none',
    group: SIGN_IN,
  },
  'callback-port': {
    type: 'string',
    value: 'N',
    summary: 'port of this machine to which the browser comes back; a free one by default',
    complete: 'none',
    group: SIGN_IN,
  },
  'no-browser': { type: 'boolean', summary: 'print the address for signing in, open no browser', group: SIGN_IN },
  'auth-ca': {
    type: 'string',
    value: 'FILE',
    summary: 'certificate authorities (PEM) to accept for the authorization server, besides the usual',
    complete: 'file',
    group: SIGN_IN,
  },
} as const satisfies Readonly<Record<string, FlagSpec>>;

/** What only the proxy has. */
export const PROXY_FLAGS = {
  listen: {
    type: 'string',
    value: 'ADDRESS',
    summary: 'loopback address and port, such as 127.0.0.1:8080; port 0 takes a free one',
    complete: 'none',
  },
  'token-file': {
    type: 'string',
    value: 'FILE',
    summary: 'write the token into this file, for you alone, instead of printing it',
    complete: 'file',
  },
  'allow-origin': {
    type: 'string',
    multiple: true,
    value: 'URL',
    summary: 'let web pages of this origin use the proxy; may be repeated',
    complete: 'none',
  },
  json: { type: 'boolean', summary: 'print one JSON object with the address, for programs' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

/** What was given of {@link CONNECT_FLAGS}. */
export type ConnectFlags = {
  readonly [K in keyof typeof CONNECT_FLAGS]?: (typeof CONNECT_FLAGS)[K] extends { readonly multiple: true }
    ? readonly string[]
    : (typeof CONNECT_FLAGS)[K]['type'] extends 'boolean'
      ? boolean
      : string;
};

/** Exit codes of the commands that keep a channel open. */
export const CONNECT_EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'the client closed its side, or you ended it',
  1: 'not verified',
  2: 'wrong usage or configuration',
  3: 'could not be checked',
  4: 'simulated evidence where hardware is wanted',
};

/** The flags as lines of a help text of `width` columns. */
export function flagLines(flags: Readonly<Record<string, FlagSpec>>, width: number): string {
  const names = Object.entries(flags).map(([name, { value }]) => `--${name}${value === undefined ? '' : ` ${value}`}`);
  const column = 24;
  const indent = ' '.repeat(column + 2);
  return Object.values(flags)
    .map(({ summary }, index) => {
      const name = names[index] ?? '';
      const head = name.length + 2 > column ? `  ${name}\n${indent}` : `  ${name.padEnd(column)}`;
      return `${head}${wrapWords(summary, width - indent.length).join(`\n${indent}`)}\n`;
    })
    .join('');
}

function wrapWords(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
