import { createHash } from 'node:crypto';
import type { BootBinding, EvidenceBundle, Manifest, ReferenceValues } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { appraiseReference } from './workload.ts';
import { appraiseCode } from './workload-code.ts';

const zero = '00'.repeat(48);
const digestHex = 'ab'.repeat(48);
const rtmr3 = createHash('sha384')
  .update(Buffer.concat([Buffer.alloc(48), Buffer.from(digestHex, 'hex')]))
  .digest('hex');
const registers = {
  mrtd: '01'.repeat(48),
  rtmr0: '02'.repeat(48),
  rtmr1: '03'.repeat(48),
  rtmr2: '04'.repeat(48),
  rtmr3,
  mrconfigid: zero,
  mrowner: zero,
  mrownerconfig: zero,
};
const claims = { technology: 'tdx' as const, registers };
const boot: BootBinding = {
  type: 'vitrine/boot-binding/v1',
  manifestDigest: digestHex,
  manifestNumber: 1,
  tlsSpki: 'b'.repeat(64),
  sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
  nonce: 'A'.repeat(43),
};
const { mrtd, rtmr0, rtmr1, rtmr2 } = registers;
const entry = {
  technology: 'tdx' as const,
  shape: 'simulator',
  registers: { mrtd, rtmr0, rtmr1, rtmr2, rtmr3 },
  computedBy: 'somebody',
  manifestDigest: digestHex,
};
const reference: ReferenceValues = { type: 'vitrine/reference-values/v1', release: '0.1.0', entries: [entry] };
const required = { code: 'required', reference: 'required' } as const;

promise('P3', 'registers and manifest that equal the reference values pass', async () => {
  expect(await appraiseReference(required, claims, boot, reference)).toMatchObject({
    id: 'workload.reference',
    status: 'passed',
    anchor: 'somebody',
  });
});

promise('P7', 'without reference values there is nothing to compare with: unavailable, never passed', async () => {
  expect((await appraiseReference(required, claims, boot, undefined)).status).toBe('unavailable');
});

promise('P7', 'a policy that accepts any workload shows as waived', async () => {
  expect((await appraiseReference({ code: 'any', reference: 'any' }, claims, boot, undefined)).status).toBe('waived');
});

for (const name of ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3', 'mrconfigid', 'mrowner', 'mrownerconfig'] as const) {
  promise('P3', `a change of ${name} alone fails and is named`, async () => {
    const changed = { ...claims, registers: { ...registers, [name]: `ff${registers[name].slice(2)}` } };
    const check = await appraiseReference(required, changed, boot, reference);
    expect(check.status).toBe('failed');
    expect(check.message).toContain(name);
  });
}

promise('P3', 'another manifest fails even where the registers say nothing', async () => {
  const check = await appraiseReference(required, claims, { ...boot, manifestDigest: 'cd'.repeat(48) }, reference);
  expect(check).toMatchObject({ status: 'failed', expected: digestHex, actual: 'cd'.repeat(48) });
  expect(check.message).toMatch(/manifest/);
});

promise('P3', 'one entry of several suffices, and the closest one explains a failure', async () => {
  const other = { ...entry, registers: { ...entry.registers, mrtd: 'ee'.repeat(48) } };
  expect((await appraiseReference(required, claims, boot, { ...reference, entries: [other, entry] })).status).toBe(
    'passed',
  );
  const nearly = { ...entry, registers: { ...entry.registers, rtmr2: 'ee'.repeat(48) } };
  expect(
    (await appraiseReference(required, claims, boot, { ...reference, entries: [other, nearly] })).message,
  ).toContain('rtmr2');
});

const manifest = (source: Manifest['server']['source']): Manifest => ({
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'demo',
  server: { source, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
});
const bundleOf = (source: Manifest['server']['source']): EvidenceBundle => ({
  hardware: { technology: 'tdx', bytes: new Uint8Array() },
  manifest: manifest(source),
  boot,
});
const measured = bundleOf({ kind: 'path', tree: 'ab'.repeat(48), entry: 'server.js' });
const bare = bundleOf({ kind: 'command', command: 'python3' });
const vendor = { name: 'intel-sgx-root', simulator: false };
const simulator = { name: 'simulator', simulator: true };

promise('P3', 'a manifest that was measured at launch is anchored in hardware', async () => {
  expect(await appraiseCode(required, claims, measured, vendor)).toMatchObject({
    status: 'passed',
    anchor: 'hardware',
  });
});

promise('P3', 'a manifest that only the enclave asserts fails', async () => {
  const unmeasured = { ...claims, registers: { ...registers, rtmr3: zero } };
  expect(await appraiseCode(required, unmeasured, measured, vendor)).toMatchObject({
    status: 'failed',
    anchor: 'self-asserted',
  });
});

promise('P3', 'a bare command is refused on hardware and shown as not measured in the simulator', async () => {
  expect((await appraiseCode(required, claims, bare, vendor)).status).toBe('failed');
  const check = await appraiseCode(required, claims, bare, simulator);
  expect(check.status).toBe('waived');
  expect(check.message).toContain('not measured');
});

promise('P7', 'a raw quote cannot show any code', async () => {
  expect((await appraiseCode(required, claims, undefined, vendor)).status).toBe('unavailable');
});

promise('P3', 'reference values for another technology say nothing about this one', async () => {
  const other: ReferenceValues = {
    ...reference,
    entries: [{ ...entry, technology: 'snp', registers: { measurement: mrtd } }],
  };
  expect(await appraiseReference(required, claims, boot, other)).toMatchObject({
    status: 'failed',
    expected: 'snp',
    actual: 'tdx',
  });
  expect(
    (await appraiseReference(required, claims, boot, { ...other, entries: [...other.entries, entry] })).status,
  ).toBe('passed');
});

promise(
  'P3',
  'of several entries the one that differs latest in the chain explains, whichever stands first',
  async () => {
    const early = { ...entry, registers: { ...entry.registers, mrtd: 'ee'.repeat(48) } };
    const late = { ...entry, registers: { ...entry.registers, rtmr2: 'ee'.repeat(48) } };
    for (const entries of [
      [early, late],
      [late, early],
    ]) {
      const { message, expected, actual } = await appraiseReference(required, claims, boot, { ...reference, entries });
      expect(message).toContain('rtmr2');
      expect([expected, actual]).toEqual(['ee'.repeat(48), rtmr2]);
    }
  },
);

promise('P3', 'a register that the evidence lacks never equals a reference value', async () => {
  const { rtmr1: _, ...fewer } = registers;
  expect(await appraiseReference(required, { ...claims, registers: fewer }, boot, reference)).toMatchObject({
    status: 'failed',
    actual: '',
  });
});

const pcr = (digit: string): string => digit.repeat(96);
const nitro = {
  technology: 'nitro' as const,
  registers: { pcr0: pcr('1'), pcr1: pcr('2'), pcr2: pcr('3'), pcr3: pcr('4') },
};
const nitroEntry = {
  technology: 'nitro' as const,
  shape: 'nitro',
  registers: { pcr0: pcr('1'), pcr1: pcr('2'), pcr2: pcr('3') },
  computedBy: 'somebody',
  manifestDigest: digestHex,
};

promise('P3', 'optional registers are compared where they are named, and only there', async () => {
  const compare = async (named: object): Promise<string> =>
    (
      await appraiseReference(required, nitro, boot, {
        ...reference,
        entries: [{ ...nitroEntry, registers: { ...nitroEntry.registers, ...named } }],
      })
    ).status;
  expect(await compare({})).toBe('passed');
  expect(await compare({ pcr3: pcr('4') })).toBe('passed');
  expect(await compare({ pcr3: pcr('5') })).toBe('failed');
  expect(await compare({ pcr8: pcr('0') })).toBe('failed');
});

promise('P3', 'another manifest fails where no register carries it, too', async () => {
  const check = await appraiseReference(
    required,
    nitro,
    { ...boot, manifestDigest: 'cd'.repeat(48) },
    { ...reference, entries: [nitroEntry] },
  );
  expect(check).toMatchObject({ status: 'failed', expected: digestHex, actual: 'cd'.repeat(48) });
});

promise('P7', 'a policy that accepts any code waives it, measured or not', async () => {
  for (const bundle of [measured, bare, undefined]) {
    expect(await appraiseCode({ code: 'any', reference: 'required' }, claims, bundle, vendor)).toMatchObject({
      id: 'workload.code',
      status: 'waived',
    });
  }
});

promise('P3', 'evidence without a register for the manifest does not anchor it', async () => {
  expect(await appraiseCode(required, nitro, measured, vendor)).toMatchObject({
    status: 'failed',
    anchor: 'self-asserted',
  });
});

promise('P3', 'what is measured first explains first: firmware, then the manifest, then its register', async () => {
  const other = { ...boot, manifestDigest: 'cd'.repeat(48) };
  const judge = (changed: object, binding: BootBinding = other) =>
    appraiseReference(required, { ...claims, registers: { ...registers, ...changed } }, binding, reference);
  expect((await judge({ mrtd: 'ee'.repeat(48), rtmr3: 'ee'.repeat(48) })).message).toBe(
    'Register mrtd is not the expected one.',
  );
  expect((await judge({ mrownerconfig: 'ee'.repeat(48) })).message).toBe(
    'Register mrownerconfig is not the expected one.',
  );
  expect(await judge({ rtmr3: 'ee'.repeat(48) })).toMatchObject({ expected: digestHex, actual: 'cd'.repeat(48) });
  expect((await judge({ rtmr3: 'ee'.repeat(48) }, boot)).message).toBe('Register rtmr3 is not the expected one.');
});

promise('P3', 'registers are compared where there are no documents, too', async () => {
  expect((await appraiseReference(required, claims, undefined, reference)).status).toBe('passed');
  const changed = { ...claims, registers: { ...registers, rtmr3: 'ee'.repeat(48) } };
  expect(await appraiseReference(required, changed, undefined, reference)).toMatchObject({
    status: 'failed',
    message: 'Register rtmr3 is not the expected one.',
  });
});

promise('P3', 'a register that must be zero must be there', async () => {
  for (const name of ['mrconfigid', 'mrowner', 'mrownerconfig'] as const) {
    const { [name]: _, ...fewer } = registers;
    const check = await appraiseReference(required, { ...claims, registers: fewer }, boot, reference);
    expect(check).toMatchObject({ status: 'failed', actual: '', message: `Register ${name} is not the expected one.` });
  }
});

promise('P3', 'of two entries that differ at the same place the first explains', async () => {
  const [one, two] = ['ee', 'dd'].map((byte) => ({
    ...entry,
    registers: { ...entry.registers, rtmr1: byte.repeat(48) },
  }));
  if (one === undefined || two === undefined) throw new Error('no entries');
  expect((await appraiseReference(required, claims, boot, { ...reference, entries: [one, two] })).expected).toBe(
    'ee'.repeat(48),
  );
});

promise('P3', 'a manifest digest that is none is a defect of the caller, and no measurement', async () => {
  const broken = { ...measured, boot: { ...boot, manifestDigest: 'none' } };
  await expect(appraiseCode(required, claims, broken, vendor)).rejects.toThrow(TypeError);
});
