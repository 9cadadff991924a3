import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { keysShape, secretsShape } from './key-spec.ts';
import { type Shape, showPath } from './shape.ts';
import { ABSENT, changed } from './testing/changed.ts';
import { accepts } from './testing/json-schema.ts';

const policy = { rules: [{ id: 'a', effect: 'allow', action: 'sign', contexts: ['notes'] }] };
const OWNER = '0a'.repeat(32);

const KEYS = {
  hot: { origin: 'derived', algorithm: 'secp256k1', version: 3, retired: [1, 2], path: "m/44'/60'/0'/0/0", policy },
  boot: { origin: 'generated', algorithm: 'ed25519', version: 1, policy },
  old: { origin: 'imported', algorithm: 'p256', version: 1, publicKey: 'ab'.repeat(64), owner: OWNER, policy },
  'old-2': { origin: 'imported', algorithm: 'ed25519', version: 1, publicKey: 'cd'.repeat(32), owner: OWNER, policy },
};
const SECRETS = {
  bank: {
    owner: OWNER,
    header: 'authorization',
    prefix: 'Bearer ',
    allow: [
      { host: 'api.example.com', port: 443, methods: ['GET', 'POST'], paths: ['/v1/', '/health'] },
      { host: 'example.org', port: 8443, methods: ['DELETE'], paths: ['/'] },
    ],
  },
};

type Refusal = readonly [what: string, path: string, value: unknown, at?: string];

const REFUSED_KEYS: readonly Refusal[] = [
  ['no origin', 'hot.origin', ABSENT],
  ['an unknown origin', 'hot.origin', 'stored'],
  ['an unknown algorithm', 'hot.algorithm', 'rsa'],
  ['an algorithm in upper case', 'hot.algorithm', 'Ed25519'],
  ['no algorithm', 'hot.algorithm', ABSENT, 'hot'],
  ['version 0', 'hot.version', 0],
  ['a version as text', 'hot.version', '3'],
  ['a version beyond exact integers', 'hot.version', 2 ** 53],
  ['no version', 'hot.version', ABSENT, 'hot'],
  ['an empty list of retired versions', 'hot.retired', []],
  ['a retired version 0', 'hot.retired.0', 0],
  ['a path without m', 'hot.path', "44'/60'"],
  ['a path of m alone', 'hot.path', 'm'],
  ['a path with a slash at its end', 'hot.path', 'm/44/'],
  ['a path with h for hardened', 'hot.path', 'm/44h'],
  ['a path with a negative index', 'hot.path', 'm/-1'],
  ['a path for a generated key', 'boot.path', 'm/0'],
  ['a path for an imported key', 'old.path', 'm/0'],
  ['a policy by name', 'hot.policy', 'strict'],
  ['no policy', 'hot.policy', ABSENT, 'hot'],
  ['a policy without rules', 'hot.policy', {}],
  ['a private key', 'hot.privateKey', 'ab'.repeat(32)],
  ['a seed', 'boot.seed', 'ab'.repeat(32)],
  ['whether it may be exported, which follows from its origin', 'old.exportable', false],
  ['an owner for a derived key', 'hot.owner', OWNER],
  ['a public key for a derived key', 'hot.publicKey', 'ab'.repeat(64)],
  ['an imported key without its public key', 'old.publicKey', ABSENT, 'old'],
  ['an imported key without its owner', 'old.owner', ABSENT, 'old'],
  ['a compressed public key', 'old.publicKey', `02${'ab'.repeat(32)}`],
  ['a public key with the first byte of a point', 'old.publicKey', `04${'ab'.repeat(64)}`],
  ['a public key in upper case', 'old.publicKey', 'AB'.repeat(64)],
  ['a public key with 0x', 'old.publicKey', `0x${'ab'.repeat(32)}`],
  ['a public key in base64url', 'old.publicKey', 'A'.repeat(43)],
  ['an owner with a key of another curve', 'old.owner', '0a'.repeat(64)],
  ['an owner in upper case', 'old.owner', 'AB'.repeat(32)],
  ['a name in upper case', 'Hot', KEYS.hot],
  ['a name of 33 letters', 'a'.repeat(33), KEYS.hot],
  ['a name with a blank', 'my key', KEYS.hot],
  ['a key that is null', 'hot', null],
];

const REFUSED_SECRETS: readonly Refusal[] = [
  ['its value', 'bank.value', 'hunter2'],
  ['no owner', 'bank.owner', ABSENT, 'bank'],
  ['an owner that is no Ed25519 key', 'bank.owner', 'ab'.repeat(33)],
  ['a header in upper case', 'bank.header', 'Authorization'],
  ['a header with a colon', 'bank.header', 'authorization:'],
  ['a header with a line break', 'bank.header', 'a\nb'],
  ['no header', 'bank.header', ABSENT, 'bank'],
  ['a prefix with a line break', 'bank.prefix', 'Bearer\r\n'],
  ['an empty prefix', 'bank.prefix', ''],
  ['a prefix of 65 characters', 'bank.prefix', 'x'.repeat(65)],
  ['no place to go', 'bank.allow', []],
  ['any place to go', 'bank.allow', 'any'],
  ['a host with a port', 'bank.allow.0.host', 'api.example.com:443'],
  ['a URL for a host', 'bank.allow.0.host', 'https://api.example.com'],
  ['a host in upper case', 'bank.allow.0.host', 'API.example.com'],
  ['port 0', 'bank.allow.0.port', 0],
  ['a port as text', 'bank.allow.0.port', '443'],
  ['no port', 'bank.allow.0.port', ABSENT, 'bank.allow.0'],
  ['a method in lower case', 'bank.allow.0.methods.0', 'get'],
  ['the method CONNECT', 'bank.allow.0.methods.0', 'CONNECT'],
  ['any method', 'bank.allow.0.methods', 'any'],
  ['no method', 'bank.allow.0.methods', []],
  ['a relative path', 'bank.allow.0.paths.0', 'v1/'],
  ['a path with a blank', 'bank.allow.0.paths.0', '/v1 /'],
  ['a path with a line break', 'bank.allow.0.paths.0', '/v1\n'],
  ['no path', 'bank.allow.0.paths', []],
  ['an unknown member of a place', 'bank.allow.0.query', 'a=b'],
  ['a name in upper case', 'Bank', SECRETS.bank],
];

const cases: readonly (readonly [what: string, shape: Shape<unknown>, good: object, refused: readonly Refusal[]])[] = [
  ['keys', keysShape, KEYS, REFUSED_KEYS],
  ['credentials', secretsShape, SECRETS, REFUSED_SECRETS],
];

for (const [subject, shape, good, refused] of cases) {
  promise('P4', `${subject} of all forms are read as they stand, and the schema says so too`, () => {
    const parsed = shape.parse(good);
    expect(parsed.ok ? JSON.parse(JSON.stringify(parsed.value)) : parsed.issues).toEqual(good);
    expect(accepts(shape.schema, good)).toBe(true);
  });

  promise('P4', `${subject}: an empty map, a list and nothing are refused`, () => {
    for (const value of [{}, [], null, 'none']) {
      expect(shape.parse(value).ok).toBe(false);
      expect(accepts(shape.schema, value)).toBe(false);
    }
  });

  for (const [what, path, value, at = path] of refused) {
    promise('P4', `${subject} are refused with ${what}`, () => {
      const document = changed(good, path, value);
      const parsed = shape.parse(document);
      expect(parsed.ok ? 'nothing' : showPath(parsed.issues[0]?.path ?? [])).toBe(at.replaceAll(/\.(\d+)/g, '[$1]'));
      // A schema knows no bound of exact integers.
      if (value !== 2 ** 53) expect(accepts(shape.schema, document)).toBe(false);
    });
  }
}
