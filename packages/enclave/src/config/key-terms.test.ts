import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { parseConfiguration } from './configuration-file.ts';
import { settingsOf } from './settings.ts';

const OWNER = `"${'0'.repeat(64)}"`;
const KEYS = `server: npm:a@1.0.0
keys:
  main:
    origin: derived
    algorithm: secp256k1
    version: 1
    path: m/44'/60'/0'/0/0
    policy:
      rules:
        - id: small
          effect: allow
          action: evm.transaction
          chains: ["eip155:31337"]
          effects: [{ kind: native-transfer, to: ["0x00000000000000000000000000000000000000aa"], max: "1000000000000000000" }]
          fee: { max: "10000000000000000" }
  notes:
    origin: generated
    algorithm: ed25519
    version: 1
    policy: { rules: [{ id: a, effect: allow, action: sign, contexts: [notes] }] }
`;
const CREDENTIALS = `server: npm:a@1.0.0
credentials:
  api:
    owner: ${OWNER}
    header: authorization
    prefix: "Bearer "
    allow:
      - { host: api.example.com, port: 443, methods: [GET, POST], paths: [/v1/, /health] }
`;

const parse = (text: string): ReturnType<typeof parseConfiguration> => parseConfiguration(text, 'vitrine.yaml');

promise('P4', 'keys, credentials, store and signer go into the manifest as they are written', () => {
  const configuration = parse(`${KEYS}store: sealed\nsigner: { port: 8545, key: main }\n${CREDENTIALS.slice(20)}`);
  const { terms } = settingsOf({ file: 'vitrine.yaml', configuration }, {});
  expect(terms).toMatchObject({
    keys: { main: { algorithm: 'secp256k1', path: "m/44'/60'/0'/0/0" }, notes: { origin: 'generated' } },
    store: 'sealed',
    signer: { port: 8545, key: 'main' },
    credentials: { api: { prefix: 'Bearer ', allow: [{ host: 'api.example.com', port: 443 }] } },
  });
  expect(terms.keys).toEqual(configuration.keys);
});

test('nothing is in the manifest that nobody wrote', () => {
  const { terms } = settingsOf({ file: 'vitrine.yaml', configuration: parse('server: npm:a@1.0.0') }, {});
  expect(Object.keys(terms)).toEqual(['logs']);
});

for (const [what, text, message] of [
  [
    'an address without quotes',
    KEYS.replace('"0x00000000000000000000000000000000000000aa"', '0x00000000000000000000000000000000000000aa'),
    'vitrine.yaml:14:51: 0x00000000000000000000000000000000000000aa without quotes is read as a number, which changes it; put it in quotes: "0x00000000000000000000000000000000000000aa"',
  ],
  ['a short number in base 16', `${KEYS}number: 0x10\n`, 'vitrine.yaml:21:9: 0x10 without quotes'],
  [
    'an amount beyond what numbers hold',
    KEYS.replace('"1000000000000000000"', '1000000000000000000'),
    'vitrine.yaml:14:',
  ],
  ['an amount with an exponent', KEYS.replace('"1000000000000000000"', '1e18'), 'vitrine.yaml:14:'],
  ['a small amount', KEYS.replace('"1000000000000000000"', '100'), 'in quotes, found 100'],
  ['a public key of digits alone', CREDENTIALS.replace(OWNER, '1'.repeat(64)), 'vitrine.yaml:4:12:'],
  [
    'a public key that is read as a number with an exponent',
    CREDENTIALS.replace(OWNER, `1e${'1'.repeat(62)}`),
    'vitrine.yaml:4:12:',
  ],
  [
    'a signer without its key',
    `${KEYS}signer: { port: 8545, key: other }\n`,
    'vitrine.yaml:21:28: there is no key "other"',
  ],
  ['a signer with a name of objects’ own', `${KEYS}signer: { port: 8545, key: constructor }\n`, 'there is no key'],
  [
    'a signer with a key of another kind',
    `${KEYS}signer: { port: 8545, key: notes }\n`,
    'must be of algorithm secp256k1',
  ],
  [
    'a signer where the way out is',
    `${KEYS}signer: { port: 3128, key: main }\n`,
    'vitrine.yaml:21:17: port 3128 is taken',
  ],
  [
    'a signer where the server listens',
    `${KEYS.replace('server: npm:a@1.0.0', 'server: { source: npm:a@1.0.0, transport: http, port: 8545 }')}signer: { port: 8545, key: main }\n`,
    'port 8545 is taken',
  ],
  ['a signer without keys', 'server: npm:a@1.0.0\nsigner: { port: 8545, key: main }\n', 'there is no key "main"'],
  [
    'a host that is allowed without the credential too',
    `${CREDENTIALS}egress: [api.example.com:443]\n`,
    'vitrine.yaml:8:17: api.example.com is also allowed',
  ],
  [
    'a host that a wildcard allows too',
    `${CREDENTIALS}egress: ["*.example.com:8443"]\n`,
    'is also allowed under "egress" (*.example.com:8443)',
  ],
  ['a port that is none', CREDENTIALS.replace('443', '65536'), 'expected a port up to 65535'],
  ['a path with a way up', CREDENTIALS.replace('/v1/', '/v1/../'), 'has a segment of dots'],
  ['a path with an escaped slash', CREDENTIALS.replace('/v1/', '/v1%2f'), 'has an escape'],
  ['a path with a query', CREDENTIALS.replace('/v1/', '"/v1/?a"'), 'is to have no query'],
  [
    'a header of the connection',
    CREDENTIALS.replace('header: authorization', 'header: host'),
    'vitrine.yaml:5:13: the header host',
  ],
] as const) {
  promise('P4', `${what} is refused, with its place`, () => {
    expect(() => parse(text)).toThrow(message);
  });
}

promise('P4', 'egress on the command line does not open a host that gets a credential', () => {
  const read = { file: 'vitrine.yaml', configuration: parse(CREDENTIALS) };
  expect(() => settingsOf(read, { egress: ['api.example.com:443'] })).toThrow('is also allowed');
  expect(settingsOf(read, { egress: ['other.example.com:443'] }).terms.egress).toHaveLength(1);
});
