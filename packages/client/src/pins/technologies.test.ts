import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPARED_REGISTERS, parseTpmAttestationKey } from '@vitrine/verifier';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { resolveTrust } from '../connect/trust.ts';
import { pinnable } from '../connect/verify-url.ts';
import { type Changes, NOW, verifiedResult } from '../testing/pin-fixtures.ts';
import { describePinMismatch, makePin, type NewPin, pinReferenceValues, requirePinned } from './pin.ts';
import { PINNED_TECHNOLOGIES } from './pinned-registers.ts';
import { type ExactPin, pinsShape, samePinned } from './pins-document.ts';
import { findPin, pinsFile, writePin } from './pins-store.ts';
import { tpmKeyOf, tpmKeyPem } from './tpm-key.ts';

type Claims = NonNullable<Changes['claims']>;
type Result = ReturnType<typeof verifiedResult>;

const URL_A = 'https://bank.example/mcp';
const NEW = { policy: 'default', simulated: false, now: NOW } as const satisfies NewPin;
const word = (digits: string, bytes: number): string => digits.repeat(bytes);

const AK = keyOf('ec');
function keyOf(kind: 'ec' | 'rsa'): ReturnType<typeof parseTpmAttestationKey> {
  const { publicKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return parseTpmAttestationKey(new TextEncoder().encode(String(publicKey.export({ type: 'spki', format: 'pem' }))));
}

const SNP = {
  technology: 'snp',
  registers: { measurement: word('11', 48), hostdata: word('22', 32), vmpl: '00' },
} as const;
const TPM = {
  technology: 'tpm',
  registers: {
    ...Object.fromEntries([0, 1, 2, 3, 4, 7, 14, 16].map((index) => [`pcr${index}`, word(`0${index % 10}`, 32)])),
    clock: '5',
  },
} as const;
const TDX: Claims = {
  registers: Object.fromEntries(
    ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3', 'mrconfigid', 'mrowner', 'mrownerconfig'].map((name, index) => [
      name,
      word(index < 5 ? '12' : '00', 48),
    ]),
  ),
};
const launchOf = (kind: string, digits = 'c0'): Pick<Claims, 'launch'> => ({
  launch: { kind, digest: word(digits, 32), images: [] },
});

const result = (claims: Claims): Result => verifiedResult({ claims });
const withRegister = (claims: Claims, name: string, value: string): Result =>
  result({ ...claims, registers: { ...claims.registers, [name]: value } });

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vitrine pins '));
});
afterEach(() => rm(home, { recursive: true, force: true }));

function refusalOf(pin: ExactPin, found: Result): string {
  try {
    requirePinned(pin, found);
    return 'admitted';
  } catch (error) {
    return (error as { check: string }).check;
  }
}

describe('a pin of an AMD server', () => {
  const pin = makePin(result(SNP), NEW);

  promise('P2', 'keeps measurement and host data, and admits nothing else', async () => {
    expect(pin.registers).toEqual({ measurement: word('11', 48), hostdata: word('22', 32) });
    expect(refusalOf(pin, result(SNP))).toBe('admitted');
    for (const name of ['measurement', 'hostdata']) {
      const other = withRegister(SNP, name, word('99', name === 'measurement' ? 48 : 32));
      expect(refusalOf(pin, other)).toBe('pin.registers');
      expect(describePinMismatch(pin, other).join()).toContain(`register ${name}`);
    }
    expect(refusalOf(pin, withRegister(SNP, 'vmpl', '01'))).toBe('admitted');
    expect(refusalOf(pin, result(TDX))).toBe('pin.manifest');
    await writePin(pinsFile(home), URL_A, pin);
    expect(await findPin(pinsFile(home), URL_A)).toEqual(pin);
  });

  promise('P2', 'with host data of zero wants zero', () => {
    const bare = makePin(withRegister(SNP, 'hostdata', word('00', 32)), NEW);
    expect(bare.registers).toEqual({ measurement: word('11', 48) });
    expect(refusalOf(bare, result(SNP))).toBe('pin.registers');
  });

  promise('P2', 'says that its measurement covers more than firmware only where its publisher did', () => {
    const values = (measurement: string) =>
      ({
        type: 'vitrine/reference-values/v1',
        release: '1',
        entries: [
          {
            technology: 'snp',
            registers: { measurement },
            covers: 'image',
            shape: 'x',
            computedBy: 'y',
            manifestDigest: word('ab', 48),
          },
        ],
      }) as const;
    expect(pinReferenceValues(pin).entries[0]).not.toHaveProperty('covers');
    const of = (measurement: string) =>
      pinReferenceValues(makePin(result(SNP), { ...NEW, referenceValues: values(measurement) })).entries[0];
    expect(of(word('11', 48))).toHaveProperty('covers', 'image');
    expect(of(word('12', 48))).not.toHaveProperty('covers');
  });
});

describe('a pin of a server on a TPM', () => {
  const pin = makePin(result(TPM), { ...NEW, simulated: true, tpmAk: AK });

  promise('P2', 'keeps the registers that are covered, and admits nothing else', () => {
    expect(Object.keys(pin.registers)).toEqual(['pcr0', 'pcr2', 'pcr4', 'pcr1', 'pcr3', 'pcr7', 'pcr14']);
    expect(refusalOf(pin, result(TPM))).toBe('admitted');
    for (const name of Object.keys(pin.registers)) {
      expect(refusalOf(pin, withRegister(TPM, name, word('99', 32)))).toBe('pin.registers');
    }
    expect(refusalOf(pin, withRegister(TPM, 'pcr16', word('99', 32)))).toBe('admitted');
    const { pcr14: _, ...fewer } = TPM.registers as Record<string, string>;
    expect(refusalOf(pin, result({ ...TPM, registers: fewer }))).toBe('pin.registers');
  });

  promise('P7', 'is not made without the key that the user vouches for', () => {
    expect(() => makePin(result(TPM), NEW)).toThrow(expect.objectContaining({ check: 'pin.claims' }));
    expect(makePin(result(SNP), { ...NEW, tpmAk: AK })).not.toHaveProperty('tpmKey');
  });

  promise('P7', 'keeps the key, so that no flag is needed, and takes no other', async () => {
    await writePin(pinsFile(home), URL_A, pin);
    const trust = await resolveTrust(URL_A, { home, purpose: 'connect' });
    expect(trust).toMatchObject({ tpmAk: AK, allowSimulated: true, simulatorAnchors: [] });
    expect((await resolveTrust(URL_A, { home, purpose: 'connect', tpmAk: AK })).tpmAk).toEqual(AK);
    await expect(resolveTrust(URL_A, { home, purpose: 'connect', tpmAk: keyOf('ec') })).rejects.toMatchObject({
      check: 'pin.tpm-key',
    });
  });

  promise('P7', 'is made only of evidence under a key that was named, and as simulated', async () => {
    const simulated: Result = { ...result(TPM), verdict: 'simulated' };
    const named = await resolveTrust(URL_A, { home, purpose: 'pin', tpmAk: AK });
    expect(pinnable(simulated, named)).toEqual({ ok: true, firstUse: false, simulated: true });
    const unnamed = await resolveTrust(URL_A, { home, purpose: 'pin' });
    expect(unnamed.allowSimulated).toBe(false);
    expect(pinnable(simulated, unnamed)).toEqual({ ok: false });
  });

  promise('P7', 'under another key is another pin', () => {
    const other = makePin(result(TPM), { ...NEW, simulated: true, tpmAk: keyOf('ec') });
    expect(samePinned(pin, other)).toBe(false);
    expect(samePinned(pin, { ...pin })).toBe(true);
  });

  for (const kind of ['ec', 'rsa'] as const) {
    promise('P7', `keeps an ${kind} key as it is`, () => {
      const key = keyOf(kind);
      expect(tpmKeyOf(tpmKeyPem(key))).toEqual(key);
    });
  }
});

promise('P2', 'a pin keeps every register that the verifier compares', () => {
  const registers = Object.fromEntries(
    PINNED_TECHNOLOGIES.flatMap((technology) => COMPARED_REGISTERS[technology].order).map((name) => [name, 'ff']),
  );
  for (const technology of PINNED_TECHNOLOGIES) {
    const pinned = makePin(result({ technology, registers }), { ...NEW, simulated: true, tpmAk: AK });
    expect(Object.keys(pinned.registers).sort()).toEqual([...COMPARED_REGISTERS[technology].order].sort());
  }
});

describe('a pin of a server that a launch document started', () => {
  const dstack = { ...TDX, ...launchOf('app-compose') };
  const pin = makePin(result(dstack), NEW);

  promise('P2', 'of dstack keeps the document, and not the register of the instance', () => {
    expect(Object.keys(pin.registers)).toEqual(['mrtd', 'rtmr0', 'rtmr1', 'rtmr2']);
    expect(pinReferenceValues(pin).entries[0]).toMatchObject({ launch: word('c0', 32) });
    expect(refusalOf(pin, result(dstack))).toBe('admitted');
    const elsewhere = withRegister(dstack, 'rtmr3', word('99', 48));
    expect(refusalOf(pin, elsewhere)).toBe('admitted');
    expect(describePinMismatch(pin, elsewhere)).toEqual([]);
    for (const name of ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'mrconfigid']) {
      expect(refusalOf(pin, withRegister(dstack, name, word('99', 48)))).toBe('pin.registers');
    }
  });

  promise('P2', 'admits no other document, nor none, nor the same by another name', () => {
    const other = result({ ...dstack, ...launchOf('app-compose', 'c1') });
    expect(refusalOf(pin, other)).toBe('pin.launch');
    expect(describePinMismatch(pin, other).join()).toContain('launch document');
    expect(samePinned(pin, makePin(other, NEW))).toBe(false);
    expect(samePinned(pin, makePin(result(dstack), NEW))).toBe(true);
    expect(refusalOf(pin, result(TDX))).toBe('pin.launch');
    expect(refusalOf(pin, result({ ...TDX, ...launchOf('init-data') }))).toBe('pin.registers');
  });

  promise('P2', 'of Confidential Containers keeps every register', () => {
    const coco = makePin(result({ ...TDX, ...launchOf('init-data') }), NEW);
    expect(Object.keys(coco.registers)).toEqual(['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3']);
    expect(coco.launch).toBe(word('c0', 32));
  });
});

promise('P2', 'technologies that nothing is hosted on are refused by name', () => {
  for (const technology of ['sgx', 'nitro'] as const) {
    expect(() => makePin(result({ technology }), NEW)).toThrow(
      expect.objectContaining({ check: 'pin.claims', message: expect.stringContaining(technology) }),
    );
  }
});

promise('P2', 'a pin whose parts do not fit each other is damaged', async () => {
  const snp = makePin(result(SNP), NEW);
  const tpm = makePin(result(TPM), { ...NEW, simulated: true, tpmAk: AK });
  const { tpmKey: _, ...keyless } = tpm;
  const { measurement: __, ...hostOnly } = snp.registers as Record<string, string>;
  for (const bad of [
    { ...snp, technology: 'tdx' },
    { ...snp, technology: 'sgx' },
    { ...snp, registers: hostOnly },
    { ...snp, registers: { ...snp.registers, pcr0: word('00', 32) } },
    { ...snp, registers: { ...snp.registers, measurement: word('11', 32) } },
    { ...snp, launch: 'c0' },
    { ...snp, covers: 'all' },
    { ...snp, tpmKey: tpm.tpmKey },
    { ...snp, state: { sequence: 1, digest: word('d0', 32) } },
    keyless,
    { ...tpm, tpmKey: 'x' },
    { ...tpm, covers: 'image' },
  ]) {
    expect(pinsShape.parse({ type: 'vitrine/pins/v1', pins: { [URL_A]: bad } }).ok, JSON.stringify(bad)).toBe(false);
  }
  expect(pinsShape.parse({ type: 'vitrine/pins/v1', pins: { [URL_A]: snp, [`${URL_A}/b`]: tpm } }).ok).toBe(true);
  await writeFile(pinsFile(home), JSON.stringify({ type: 'vitrine/pins/v1', pins: { [URL_A]: keyless } }));
  await expect(resolveTrust(URL_A, { home, purpose: 'connect' })).rejects.toMatchObject({ code: 'pins.damaged' });
});
