/** Roots under a real TPM in software: who gets them, and who does not. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sameBytes, toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { flushedAfter } from './flush.ts';
import { measureIntoPcr } from './measure.ts';
import { openTpm } from './open-tpm.ts';
import { pcrPolicy, tpmPolicySigned } from './policy.ts';
import { withStorageKey } from './primary-keys.ts';
import { extendPcr, readPcrs } from './registers.ts';
import { createObject } from './sealed-object.ts';
import { startSession } from './session.ts';
import { sha256, TpmAlg } from './structures.ts';
import { Code, codeOf, onTheBus, tapped } from './testing/bus.ts';
import { useTestTpm } from './testing/fresh-tpm.ts';
import { startSwtpm } from './testing/swtpm.ts';
import { type TpmRootSecretOptions, tpmRootSecret } from './tpm-root-secret.ts';
import type { TpmTransport } from './transport.ts';
import type { Bytes } from './wire.ts';

const tpm = useTestTpm();
const RELEASE = 'ab'.repeat(48);
const NEXT = 'cd'.repeat(48);
const PCRS = [4, 14];
const refusedBecause = (why: string): object => ({
  code: 'attester.root-refused',
  message: expect.stringContaining(why),
});

interface PolicyKey {
  readonly spki: Bytes;
  readonly privateKey: KeyObject;
}

function policyKey(): PolicyKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { spki: Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' })), privateKey };
}

async function boot(manifest: string): Promise<void> {
  await tpm.powerCycle();
  await measureIntoPcr(tpm.transport(), manifest);
}

function ask(directory: string, change: Partial<TpmRootSecretOptions> = {}): Promise<Uint8Array> {
  return tpmRootSecret({ transport: tpm.transport(), directory, pcrs: PCRS, create: false, ...change }).secret();
}

async function presentPolicy(pcrs: readonly number[] = PCRS): Promise<Bytes> {
  return pcrPolicy(await readPcrs(tpm.transport(), TpmAlg.sha256, pcrs));
}

/** The file that the holder of the key makes. */
async function admit(
  directory: string,
  key: PolicyKey,
  policies: readonly Bytes[],
  message: (policy: Bytes) => Uint8Array = tpmPolicySigned,
): Promise<void> {
  const signed = policies.map((policy) => ({
    policy: toHex(policy),
    signature: sign('sha256', message(policy), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('hex'),
  }));
  await writeFile(
    join(directory, 'tpm-policies.json'),
    JSON.stringify({ type: 'vitrine/tpm-policies/v1', policies: signed }),
  );
}

async function change(directory: string, edit: (root: RootDocument) => void): Promise<void> {
  const path = join(directory, 'tpm-root.json');
  const root = JSON.parse(await readFile(path, 'utf8')) as RootDocument;
  edit(root);
  await writeFile(path, JSON.stringify(root));
}

interface RootDocument {
  pcrs: number[];
  sealed: { public: string; private: string };
  deriving: { public: string; private: string };
}

describe('sealed to registers', () => {
  promise.unless(tpm.missing, 'P4', 'the same code gets the same secret after each start', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    const first = await ask(directory, { create: true });
    expect(first).toHaveLength(32);
    expect(sameBytes(await ask(directory), first)).toBe(true);
    await boot(RELEASE);
    expect(sameBytes(await ask(directory), first)).toBe(true);
    expect(sameBytes(await ask(directory, { create: true }), first)).toBe(true);
  });

  promise.unless(tpm.missing, 'P4', 'other code does not get it', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    await ask(directory, { create: true });
    await boot(NEXT);
    await expect(ask(directory)).rejects.toMatchObject(refusedBecause('registers are not those'));
    await expect(ask(directory, { create: true })).rejects.toMatchObject(refusedBecause('registers are not those'));
  });

  promise.unless(tpm.missing, 'P4', 'the TPM itself refuses it when a register moves', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    await ask(directory, { create: true });
    const frozen = await readPcrs(tpm.transport(), TpmAlg.sha256, PCRS);
    // Between our look at the registers and the TPM's.
    const moving = onTheBus(tpm.transport(), async (command, send) => {
      if (codeOf(command) === Code.createPrimary) await extendPcr(tpm.transport(), 4, [[TpmAlg.sha256, sha256()]]);
      return send(command);
    });
    await expect(ask(directory, { transport: moving })).rejects.toMatchObject(refusedBecause('TPM_RC_POLICY_FAIL'));
    expect(frozen.get(4)).not.toEqual((await readPcrs(tpm.transport(), TpmAlg.sha256, [4])).get(4));
  });

  promise.unless(
    tpm.missing,
    'P4',
    'two folders have two secrets, and nothing of them crosses the bus in clear',
    async () => {
      await boot(RELEASE);
      const { transport, seen } = tapped(tpm.transport());
      const one = await ask(await tpm.directory(), { create: true, transport });
      const other = await ask(await tpm.directory(), { create: true, transport });
      expect(sameBytes(one, other)).toBe(false);
      expect(seen.some((bytes) => Buffer.from(bytes).includes(Buffer.from(one)))).toBe(false);
    },
  );

  promise.unless(tpm.missing, 'P4', 'it is not made where it is missing, nor does the folder change', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    await expect(ask(directory)).rejects.toMatchObject({
      code: 'attester.root-missing',
      message: expect.stringContaining('only at genesis'),
    });
    expect(await readdir(directory)).toEqual([]);
  });

  promise.unless(tpm.missing, 'P4', 'another TPM cannot load it', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    await ask(directory, { create: true });
    const emulator = await startSwtpm();
    try {
      const transport = await openTpm(emulator.path);
      await measureIntoPcr(transport, RELEASE);
      await expect(ask(directory, { transport })).rejects.toMatchObject(refusedBecause('TPM_RC_INTEGRITY'));
      await transport.close();
    } finally {
      await emulator.stop();
    }
  });

  promise.unless(tpm.missing, 'P4', 'many that ask at once at genesis get one secret', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    const all = await Promise.all(Array.from({ length: 4 }, () => ask(directory, { create: true })));
    expect(new Set(all.map(toHex)).size).toBe(1);
    expect(await readdir(directory)).toEqual(['tpm-root.json']);
  });

  promise.unless(tpm.missing, 'P4', 'the file is for its owner alone, and a folder is made for it', async () => {
    const directory = join(await tpm.directory(), 'inner');
    await boot(RELEASE);
    await ask(directory, { create: true });
    expect((await stat(join(directory, 'tpm-root.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  });

  promise.unless(tpm.missing, 'P4', 'a failure at genesis leaves no file', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    const failing = onTheBus(tpm.transport(), (command, send) =>
      codeOf(command) === Code.hmac ? Promise.reject(new Error('power')) : send(command),
    );
    await expect(ask(directory, { create: true, transport: failing })).rejects.toThrow('power');
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('a file that somebody changed', () => {
  /** What the owner of the disk plants: a secret of theirs, sealed to the very registers of the release. */
  async function planted(secret: Bytes): Promise<{ public: string; private: string }> {
    const transport: TpmTransport = tpm.transport();
    const policy = await presentPolicy();
    return withStorageKey(transport, async (parent) => {
      const session = await startSession(transport, parent, 'hmac');
      return flushedAfter(transport, session.handle, async () => {
        const made = await createObject(transport, parent, session, policy, secret);
        return { public: toHex(made.public), private: toHex(made.private) };
      });
    });
  }

  const cases: readonly [what: string, edit: (root: RootDocument) => void, code: string, says: RegExp][] = [
    [
      'a secret in the place of the deriving key',
      (root) => Object.assign(root, { deriving: root.sealed }),
      'attester.root-refused',
      /registers are not those/,
    ],
    [
      'a deriving key in the place of the secret',
      (root) => Object.assign(root, { sealed: root.deriving }),
      'attester.root-refused',
      /registers are not those/,
    ],
    [
      'a policy that always holds',
      (root) => {
        root.sealed.public = root.sealed.public.replace(/(?<=^0008000b[0-9a-f]{8}0020)[0-9a-f]{64}/, '00'.repeat(32));
      },
      'attester.root-refused',
      /registers are not those/,
    ],
    [
      'attributes with a password',
      (root) => {
        root.deriving.public = root.deriving.public.replace(/(?<=^0008000b)[0-9a-f]{8}/, '000404f2');
      },
      'attester.root-refused',
      /registers are not those/,
    ],
    [
      'a bit of the private part',
      (root) => {
        root.sealed.private = root.sealed.private.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
      },
      'attester.root-refused',
      /TPM_RC_INTEGRITY/,
    ],
    [
      'a bit of the unique part',
      (root) => {
        root.sealed.public = root.sealed.public.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
      },
      'attester.root-refused',
      /TPM_RC_INTEGRITY/,
    ],
    [
      'other registers',
      (root) => {
        root.pcrs = [0];
      },
      'attester.root-refused',
      /is for PCR 0, and PCR 4, 14 were named/,
    ],
    ['a further member', (root) => Object.assign(root, { more: 1 }), 'document.shape', /more/],
    ['no objects', (root) => Object.assign(root, { sealed: {} }), 'document.shape', /sealed/],
  ];
  for (const [what, edit, code, says] of cases) {
    promise.unless(tpm.missing, 'P4', `is refused: ${what}`, async () => {
      const directory = await tpm.directory();
      await boot(RELEASE);
      await ask(directory, { create: true });
      await change(directory, edit);
      await expect(ask(directory)).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
    });
  }

  promise.unless(
    tpm.missing,
    'P4',
    'does not let its author know the secret, even if they seal one of their own',
    async () => {
      const directory = await tpm.directory();
      await boot(RELEASE);
      await ask(directory, { create: true });
      const known = Uint8Array.from(randomBytes(32));
      const theirs = await planted(known);
      await change(directory, (root) => Object.assign(root, { sealed: theirs }));
      const one = await ask(directory);
      const again = await tpm.directory();
      await ask(again, { create: true });
      await change(again, (root) => Object.assign(root, { sealed: theirs }));
      // With all that they know the same, two deriving keys still give two secrets.
      expect(sameBytes(await ask(again), one)).toBe(false);
    },
  );

  promise.unless(tpm.missing, 'P4', 'a link, a folder and another encoding are refused', async () => {
    const directory = await tpm.directory();
    const path = join(directory, 'tpm-root.json');
    await boot(RELEASE);
    await symlink('/dev/zero', path);
    await expect(ask(directory)).rejects.toMatchObject({ code: 'attester.root-files' });
    await rm(path);
    await mkdir(path);
    await expect(ask(directory)).rejects.toMatchObject({ code: 'attester.root-files' });
    await rm(path, { recursive: true });
    await writeFile(path, Uint8Array.of(0xff));
    await expect(ask(directory)).rejects.toMatchObject({ code: 'attester.root-files' });
  });
});

describe('sealed to what a policy key admits', () => {
  promise.unless(
    tpm.missing,
    'P4',
    'a release that the key admits gets the same secret, the former one as well',
    async () => {
      const directory = await tpm.directory();
      const key = policyKey();
      await boot(NEXT);
      const next = await presentPolicy();
      await boot(RELEASE);
      await admit(directory, key, [await presentPolicy(), next]);
      const first = await ask(directory, { create: true, authority: key.spki });
      await boot(NEXT);
      expect(sameBytes(await ask(directory, { authority: key.spki }), first)).toBe(true);
      await boot(RELEASE);
      expect(sameBytes(await ask(directory, { authority: key.spki }), first)).toBe(true);
    },
  );

  promise.unless(
    tpm.missing,
    'P4',
    'a release that the key did not admit is refused, and told what to have signed',
    async () => {
      const directory = await tpm.directory();
      const key = policyKey();
      await boot(RELEASE);
      await admit(directory, key, [await presentPolicy()]);
      await ask(directory, { create: true, authority: key.spki });
      await boot(NEXT);
      const wanted = toHex(await presentPolicy());
      await expect(ask(directory, { authority: key.spki })).rejects.toMatchObject(refusedBecause(wanted));
      await rm(join(directory, 'tpm-policies.json'));
      await expect(ask(directory, { authority: key.spki })).rejects.toMatchObject(
        refusedBecause('none of the 0 policies'),
      );
    },
  );

  promise.unless(tpm.missing, 'P4', 'a signature of another key, or over something else, admits nothing', async () => {
    const directory = await tpm.directory();
    const key = policyKey();
    await boot(RELEASE);
    await admit(directory, key, [await presentPolicy()]);
    await ask(directory, { create: true, authority: key.spki });
    await boot(NEXT);
    await admit(directory, policyKey(), [await presentPolicy()]);
    await expect(ask(directory, { authority: key.spki })).rejects.toMatchObject(refusedBecause('TPM_RC_SIGNATURE'));
    await admit(directory, key, [await presentPolicy()], (policy) => policy);
    await expect(ask(directory, { authority: key.spki })).rejects.toMatchObject(refusedBecause('TPM_RC_SIGNATURE'));
  });

  promise.unless(tpm.missing, 'P4', 'another policy key, or none, does not get it', async () => {
    const directory = await tpm.directory();
    const key = policyKey();
    const other = policyKey();
    await boot(RELEASE);
    await admit(directory, key, [await presentPolicy()]);
    await ask(directory, { create: true, authority: key.spki });
    await expect(ask(directory)).rejects.toMatchObject(refusedBecause('registers are not those'));
    await admit(directory, other, [await presentPolicy()]);
    await expect(ask(directory, { authority: other.spki })).rejects.toMatchObject(refusedBecause('another policy key'));
  });

  promise.unless(tpm.missing, 'P4', 'nothing is made for registers that the key did not admit', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    await expect(ask(directory, { create: true, authority: policyKey().spki })).rejects.toMatchObject(
      refusedBecause('none of the 0 policies'),
    );
    expect(await readdir(directory)).toEqual([]);
  });

  promise.unless(tpm.missing, 'P4', 'a file of policies that is none is refused', async () => {
    const directory = await tpm.directory();
    await boot(RELEASE);
    await writeFile(join(directory, 'tpm-policies.json'), '{"type":"vitrine/tpm-policies/v1","policies":[{}]}');
    await expect(ask(directory, { create: true, authority: policyKey().spki })).rejects.toMatchObject({
      code: 'document.shape',
    });
  });
});

describe('what it says of itself', () => {
  const transport: TpmTransport = { exchange: () => Promise.reject(new Error('asked')), close: async () => undefined };
  const describeSource = (options: Partial<TpmRootSecretOptions>): ReturnType<typeof tpmRootSecret>['description'] =>
    tpmRootSecret({ transport, directory: '/none', pcrs: [14, 4, 4], create: false, ...options }).description;

  promise('P4', 'the registers, and who runs the TPM', () => {
    expect(describeSource({})).toEqual({
      kind: 'tpm-pcr',
      boundTo: 'this TPM and the values of PCR 4, 14 (SHA-256)',
      derivableBy: ['whoever runs the virtual TPM'],
      survivesUpgrade: false,
      sharedByReplicas: false,
    });
    expect(describeSource({ pcrs: [0, 7] }).survivesUpgrade).toBe(true);
    for (const pcr of [4, 5, 8, 9, 11, 12, 13, 14])
      expect(describeSource({ pcrs: [0, pcr] }).survivesUpgrade).toBe(false);
  });

  promise('P4', 'the holder of the policy key, who can admit any code', () => {
    const { spki } = policyKey();
    const fingerprint = toHex(sha256(spki));
    const description = describeSource({ authority: spki });
    expect(description).toMatchObject({ kind: 'tpm-authorized', survivesUpgrade: true, sharedByReplicas: false });
    expect(description.boundTo).toContain(fingerprint);
    expect(description.derivableBy).toEqual([
      'whoever runs the virtual TPM',
      `the holder of the policy key SHA-256 ${fingerprint}, by admitting other code`,
    ]);
  });

  test.each([[[]], [[-1]], [[1.5]], [[16]], [[23]], [[24]], [[4, 16]]])('registers %j are refused', (pcrs) => {
    expect(() => describeSource({ pcrs })).toThrow(expect.objectContaining({ code: 'attester.pcrs' }));
  });

  test('a policy key of another kind is refused', () => {
    const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'der', type: 'spki' });
    for (const authority of [new Uint8Array(0), new Uint8Array(91), ed25519, p384, policyKey().spki.slice(1)]) {
      expect(() => describeSource({ authority })).toThrow(expect.objectContaining({ code: 'attester.policy-key' }));
    }
  });
});
