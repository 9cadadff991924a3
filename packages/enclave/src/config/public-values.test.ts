import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { checkPublicValues } from './public-values.ts';

const HIDDEN = 'hunter2hunter2hunter2hunter2';
const jwt = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.c`;

const secretEnvironment: Readonly<Record<string, string>> = {
  API_KEY: HIDDEN,
  OPENAI_API_KEY: HIDDEN,
  GITHUB_TOKEN: HIDDEN,
  DB_PASSWORD: HIDDEN,
  CLIENT_SECRET: HIDDEN,
  WALLET_MNEMONIC: HIDDEN,
  aws_secret_access_key: HIDDEN,
  DATABASE_URL: `postgres://user:${HIDDEN}@db.example/x`,
  HEADER: `Bearer ${jwt}`,
  PEM: `-----BEGIN PRIVATE KEY-----\n${HIDDEN}`,
  A: `sk-proj-${HIDDEN}`,
  B: `ghp_${HIDDEN}`,
  C: 'AKIAABCDEFGHIJKLMNOP',
  D: `xoxb-${HIDDEN}`,
};
for (const [name, value] of Object.entries(secretEnvironment)) {
  promise('P1', `a secret in the environment (${name}) never gets into the public manifest, nor into the error`, () => {
    expect(() => checkPublicValues([], { [name]: value })).toThrow(expect.objectContaining({ code: 'config.secret' }));
    expect(messageOf([], { [name]: value })).toMatch(new RegExp(`environment variable ${name} `));
    expect(messageOf([], { [name]: value })).not.toContain(value);
  });
}

for (const args of [
  ['--api-key', HIDDEN],
  [`--api-key=${HIDDEN}`],
  ['-token', HIDDEN],
  ['--db-password', HIDDEN],
  [`postgres://user:${HIDDEN}@db.example/x`],
  [`--header=Bearer ${jwt}`],
  ['--x', `github_pat_${HIDDEN}`],
]) {
  promise('P1', `a secret in the arguments (${args[0]?.replace(HIDDEN, '…')}) is refused`, () => {
    expect(() => checkPublicValues(args, {})).toThrow(expect.objectContaining({ code: 'config.secret' }));
    expect(messageOf(args, {})).not.toContain(HIDDEN);
  });
}

test('the whole message', () => {
  expect(messageOf([], { API_KEY: HIDDEN })).toBe(
    'the environment variable API_KEY is named like a secret. Arguments and environment are part of the manifest, which everyone who verifies can read. A server never gets a secret: write what other services want of it under "credentials", and what it signs with under "keys"; or rename it if it is none',
  );
});

test('ordinary values pass', () => {
  const environment = {
    MAX_TOKENS: '4096',
    TOKEN_FILE: '/data/token',
    KEYBOARD: 'de',
    AUTHOR: 'x',
    API_KEY: '',
    URL: 'https://example.com/a:b@c',
    SKILL: 'sk-learn',
    DIGEST: 'ab'.repeat(32),
  };
  expect(() =>
    checkPublicValues(['--tokens=5', '--token', '--verbose', '--password', 'stdio/'.slice(0, 0)], environment),
  ).not.toThrow();
});

for (const name of [
  'NODE_OPTIONS',
  'LD_PRELOAD',
  'DYLD_INSERT_LIBRARIES',
  'BASH_ENV',
  'PYTHONSTARTUP',
  'PYTHONPATH',
  'node_options',
]) {
  promise('P3', `the variable ${name}, which loads code that is not measured, is refused`, () => {
    expect(messageOf([], { [name]: 'x' })).toBe(
      `the environment variable ${name} can load code that is not measured; leave it out`,
    );
  });
}

function messageOf(args: readonly string[], environment: Readonly<Record<string, string>>): string {
  try {
    checkPublicValues(args, environment);
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was refused';
}
