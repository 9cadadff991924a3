import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { createEvidenceService } from '@vitrine/attester';
import { formatEvidenceBundle, type Manifest, manifestDigest, type SealedSecret } from '@vitrine/documents';
import { presets } from '@vitrine/verifier';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { resolveTrust } from '../connect/trust.ts';
import { MANIFEST, type SimulatedEnclave, simulatedEnclave } from '../testing/evidence.ts';
import { reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import type { SecretOwner } from './seal-secret.ts';
import { type Submitted, submitSecret } from './submit-secret.ts';

const SECRET = 'hunter2-hunter2';
const raw = (key: KeyObject): Buffer => Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
const pair = generateKeyPairSync('ed25519');
const owner: SecretOwner = {
  publicKey: raw(pair.publicKey).toString('hex'),
  sign: (bytes) => new Uint8Array(sign(null, bytes, pair.privateKey)),
};
const allow = [{ host: 'api.example.com', port: 443, methods: ['GET' as const], paths: ['/'] }];
const TAKES: Manifest = {
  ...MANIFEST,
  credentials: { github: { owner: owner.publicKey, header: 'authorization', allow } },
};

let enclave: SimulatedEnclave;
beforeAll(async () => {
  enclave = await simulatedEnclave();
});
afterAll(() => enclave?.[Symbol.asyncDispose]());

interface Scene {
  readonly manifest?: Manifest;
  /** Of the manifest that reference values demand; the one that runs when absent. */
  readonly demanded?: Manifest;
  readonly name?: string;
  readonly value?: string;
  readonly answer?: (response: ServerResponse) => void;
}

interface Outcome {
  readonly done: Submitted | Error;
  /** What reached the server behind the attestation. */
  readonly bodies: readonly string[];
}

const accepts = (response: ServerResponse): void => {
  response.end('{"name":"github","version":7}');
};
const refuses =
  (status: number, body: string) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };

/** Seals for a server with evidence of `manifest`, which has a key for secrets where it takes some. */
async function submit({ manifest = TAKES, demanded = manifest, name = 'github', ...rest }: Scene): Promise<Outcome> {
  const bodies: string[] = [];
  const hpkeKey = new Uint8Array(raw(generateKeyPairSync('x25519').publicKey));
  await using server: TestServer = await startTestServer({
    attest: async ({ nonce, exporter, identity }) => {
      const service = await createEvidenceService({
        source: enclave.simulator.launch(await manifestDigest(manifest)),
        manifest,
        tlsSpki: identity.spkiSha256,
        sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
        randomBytes,
        ...(manifest.credentials === undefined
          ? {}
          : {
              keys: {
                receiptKey: randomBytes(32),
                hpkeKey,
                appRoot: {
                  id: 'a'.repeat(64),
                  sources: [enclave.simulator.rootSecret().description],
                  copies: 'unbounded',
                },
              },
              state: async () => ({ sequence: 0, digest: '0'.repeat(64) }),
            }),
      });
      return reply(formatEvidenceBundle(await service.channel({ nonce, exporter, leafSpki: identity.spkiSha256 })));
    },
    serve: (_request, response, body) => {
      bodies.push(body);
      (rest.answer ?? accepts)(response);
    },
  });
  const trust = await resolveTrust(server.url, {
    home: enclave.home,
    purpose: 'connect',
    policy: presets.default,
    allowSimulator: true,
    referenceValues: await enclave.referenceValues(demanded),
  });
  const value = new TextEncoder().encode(rest.value ?? `${SECRET}\n`);
  const now = (): Date => new Date();
  const done = await submitSecret({ trust, now, timeLimitMs: 10_000, name, version: 7, value, owner }).catch(
    (error: Error) => error,
  );
  return { done, bodies };
}

promise(
  'P1',
  'what arrives is sealed, for this manifest and this owner, and has nothing of the secret in it',
  async () => {
    const { done, bodies } = await submit({});
    expect(done).toMatchObject({ name: 'github', purpose: 'credential', version: 7, result: { verdict: 'simulated' } });
    expect(bodies).toHaveLength(1);
    const sealed = JSON.parse(bodies[0] ?? '') as SealedSecret;
    expect(sealed).toMatchObject({
      type: 'vitrine/sealed-secret/v1',
      name: 'github',
      version: 7,
      manifest: await manifestDigest(TAKES),
      owner: owner.publicKey,
    });
    for (const text of [SECRET, Buffer.from(SECRET).toString('base64url'), Buffer.from(SECRET).toString('hex')]) {
      expect(bodies[0]).not.toContain(text);
    }
    // One line end is left out, and AES-GCM adds 16 bytes.
    expect(Buffer.from(sealed.ciphertext, 'base64url')).toHaveLength(SECRET.length + 16);
  },
);

describe('nothing is sent', () => {
  const { credentials: _credentials, ...TAKES_NONE } = TAKES;
  const cases: Readonly<Record<string, readonly [Scene, string, RegExp]>> = {
    'to a server of another manifest': [
      { demanded: { ...TAKES, number: 4 } },
      'VerificationError',
      /workload\.reference/,
    ],
    'to a server that takes no secrets': [{ manifest: TAKES_NONE }, 'RefusedError', /takes no secrets/],
    'under a name that the manifest has not': [{ name: 'githbu' }, 'UsageError', /no secret "githbu"; it has github/],
    'under a name that every object has': [{ name: 'constructor' }, 'UsageError', /no secret "constructor"/],
    'of no bytes': [{ value: '\n' }, 'UsageError', /0 bytes/],
    'with a line end in it': [{ value: `${SECRET}\n${SECRET}` }, 'UsageError', /no visible ASCII/],
    'that is too long': [{ value: 'x'.repeat(16_385) }, 'UsageError', /16385 bytes/],
  };
  for (const [what, [scene, kind, message]] of Object.entries(cases)) {
    promise('P1', `nothing is sent ${what}`, async () => {
      const { done, bodies } = await submit(scene);
      expect(bodies).toEqual([]);
      expect(done).toMatchObject({ name: kind, message: expect.stringMatching(message) });
      expect(String(done)).not.toContain(SECRET);
    });
  }
});

describe('what the enclave says is passed on', () => {
  const cases: Readonly<Record<string, readonly [(response: ServerResponse) => void, object]>> = {
    'a reason': [
      refuses(400, '{"code":"secret.version","message":"raise the version"}'),
      { name: 'RefusedError', check: 'secret.version', message: 'raise the version' },
    ],
    'a refusal without a document': [
      refuses(404, '<html>'),
      { name: 'RefusedError', check: 'secret.refused', message: 'the server answered 404' },
    ],
    'a document of another form': [
      refuses(400, '{"code":5,"message":["no"]}'),
      { name: 'RefusedError', check: 'secret.refused', message: 'the server answered 400' },
    ],
    'too many at once': [
      refuses(503, '{"code":"busy","message":"too many secrets"}'),
      { name: 'UnreachableError', message: expect.stringContaining('try again later') },
    ],
  };
  for (const [what, [answer, expected]] of Object.entries(cases)) {
    promise('P7', what, async () => {
      expect((await submit({ answer })).done).toMatchObject(expected);
    });
  }
});
