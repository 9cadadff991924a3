/**
 * What the checks on SGX quotes show beside their status, which enclaves a policy names, and values on
 * both sides of its limits. Users correct policies by these words, so they have to be those of this quote.
 *
 * @module
 */
import { type QeReport, withBit } from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { showCheck, showChecks } from '../testing/differences.ts';
import { type SgxChanges, verifyForgedSgx } from '../testing/forged-sgx.ts';

const MRENCLAVE = 'e1'.repeat(32);
const MRSIGNER = 'ab'.repeat(32);
/** An enclave with a configuration and names of its own. */
const named = (good: QeReport): QeReport => ({
  ...good,
  mrEnclave: new Uint8Array(32).fill(0xe1),
  mrSigner: new Uint8Array(32).fill(0xab),
  isvProdId: 1,
  isvSvn: 2,
  attributes: withBit(good.attributes, 7, true),
  configId: new Uint8Array(64).fill(1),
  configSvn: 3,
  isvExtProdId: new Uint8Array(16).fill(2),
  isvFamilyId: new Uint8Array(16).fill(3),
});
const byPolicy = (policy: SgxChanges['policy'] & object): SgxChanges => ({ quote: { enclave: named }, policy });
const flags = (...bits: readonly (readonly [number, boolean])[]): SgxChanges => ({
  quote: {
    enclave: (good) => ({
      ...good,
      attributes: bits.reduce((bytes, [bit, value]) => withBit(bytes, bit, value), good.attributes),
    }),
  },
});
const SIGNER = { by: 'mrsigner', mrsigner: MRSIGNER, isvProdId: 1, minimumIsvSvn: 2 } as const;
const ENCLAVE = { by: 'mrenclave', mrenclave: MRENCLAVE } as const;
const OTHER = { by: 'mrenclave', mrenclave: 'e2'.repeat(32) } as const;
const ANY_KSS = { configId: 'any', minimumConfigSvn: 0, isvExtProdId: 'any', isvFamilyId: 'any' } as const;
const KSS = {
  configId: '01'.repeat(64),
  minimumConfigSvn: 3,
  isvExtProdId: '02'.repeat(16),
  isvFamilyId: '03'.repeat(16),
};

const CASES: readonly [what: string, check: string, changes: SgxChanges, shown: string, says?: string][] = [
  ['DEBUG', 'sgx.debug', flags([1, true]), 'failed | expected DEBUG not set | found DEBUG set | by test-root'],
  [
    'DEBUG that is accepted',
    'sgx.debug',
    { ...flags([1, true]), policy: { debug: 'any' } },
    'waived | expected DEBUG not set | found DEBUG set | by test-root',
  ],
  [
    'no INIT',
    'sgx.attributes',
    flags([0, false]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x4, XFRM 0xe7 | by test-root',
    'The attributes of the enclave are not acceptable: INIT is not set: the enclave was never finished.',
  ],
  [
    'no MODE64',
    'sgx.attributes',
    flags([2, false]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x1, XFRM 0xe7 | by test-root',
    'The attributes of the enclave are not acceptable: MODE64 is not set: the enclave runs in 32-bit mode.',
  ],
  [
    'PROVISION_KEY',
    'sgx.attributes',
    flags([4, true]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x15, XFRM 0xe7 | by test-root',
    'The attributes of the enclave are not acceptable: PROVISION_KEY is set: the enclave can name the machine.',
  ],
  [
    'PROVISION_KEY that is accepted',
    'sgx.attributes',
    { ...flags([4, true]), policy: { provisionKey: 'any' } },
    'passed | expected flags 0x5, none outside 0x497 | found flags 0x15, XFRM 0xe7 | by test-root',
  ],
  [
    'EINITTOKEN_KEY',
    'sgx.attributes',
    flags([5, true]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x25, XFRM 0xe7 | by test-root',
    'The attributes of the enclave are not acceptable: EINITTOKEN_KEY is set, which only a launch enclave needs.',
  ],
  [
    'two reserved flags',
    'sgx.attributes',
    flags([3, true], [63, true]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x800000000000000d, XFRM 0xe7 | by test-root',
    'The attributes of the enclave are not acceptable: reserved flags 0x8000000000000008 are set.',
  ],
  [
    'no SSE',
    'sgx.attributes',
    flags([65, false]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x5, XFRM 0xe5 | by test-root',
    'The attributes of the enclave are not acceptable: XFRM 0xe5 lacks x87 or SSE.',
  ],
  [
    'no x87',
    'sgx.attributes',
    flags([64, false]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x5, XFRM 0xe6 | by test-root',
    'The attributes of the enclave are not acceptable: XFRM 0xe6 lacks x87 or SSE.',
  ],
  [
    'everything at once',
    'sgx.attributes',
    flags([0, false], [2, false], [4, true], [5, true], [3, true], [64, false]),
    'failed | expected flags 0x5, none outside 0x487 | found flags 0x38, XFRM 0xe6 | by test-root',
    'The attributes of the enclave are not acceptable: INIT is not set: the enclave was never finished; MODE64 is not set: the enclave runs in 32-bit mode; PROVISION_KEY is set: the enclave can name the machine; EINITTOKEN_KEY is set, which only a launch enclave needs; reserved flags 0x8 are set; XFRM 0xe6 lacks x87 or SSE.',
  ],
  [
    'AEX_NOTIFY',
    'sgx.attributes',
    flags([10, true]),
    'passed | expected flags 0x5, none outside 0x487 | found flags 0x405, XFRM 0xe7 | by test-root',
  ],
  [
    'another MISCSELECT',
    'sgx.miscselect',
    { policy: { miscselect: ['01000000', '02000000'] } },
    'failed | expected 01000000 or 02000000 | found 00000000 | by test-root',
  ],
  ['any MISCSELECT', 'sgx.miscselect', { policy: { miscselect: 'any' } }, 'waived | found 00000000 | by test-root'],
  [
    'another configuration',
    'sgx.kss',
    byPolicy({
      kss: [
        { ...KSS, configId: 'ff'.repeat(64) },
        { ...KSS, minimumConfigSvn: 4 },
      ],
    }),
    'failed | expected CONFIGID ffffffff… (64 bytes), CONFIGSVN of at least 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes); or CONFIGID 01010101… (64 bytes), CONFIGSVN of at least 4, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | found CONFIGID 01010101… (64 bytes), CONFIGSVN 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | by test-root',
  ],
  [
    'one of two configurations',
    'sgx.kss',
    byPolicy({ kss: [{ ...KSS, configId: 'ff'.repeat(64) }, KSS] }),
    'passed | expected CONFIGID ffffffff… (64 bytes), CONFIGSVN of at least 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes); or CONFIGID 01010101… (64 bytes), CONFIGSVN of at least 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | found CONFIGID 01010101… (64 bytes), CONFIGSVN 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | by test-root',
  ],
  [
    'a configuration of any names',
    'sgx.kss',
    byPolicy({ kss: [{ ...ANY_KSS, minimumConfigSvn: 3 }] }),
    'passed | expected CONFIGID any, CONFIGSVN of at least 3, ISVEXTPRODID any, ISVFAMILYID any | found CONFIGID 01010101… (64 bytes), CONFIGSVN 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | by test-root',
  ],
  [
    'any configuration',
    'sgx.kss',
    byPolicy({}),
    'waived | found CONFIGID 01010101… (64 bytes), CONFIGSVN 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | by test-root',
  ],
  [
    'another enclave',
    'sgx.identity',
    byPolicy({ identity: [OTHER, { ...SIGNER, minimumIsvSvn: 3 }] }),
    'failed | expected MRENCLAVE e2e2e2e2… (32 bytes); or MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN of at least 3 | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
  ],
  [
    'the enclave, after another',
    'sgx.identity',
    byPolicy({ identity: [OTHER, ENCLAVE] }),
    'passed | expected MRENCLAVE e2e2e2e2… (32 bytes); or MRENCLAVE e1e1e1e1… (32 bytes) | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
  ],
  [
    'the signer with the least version',
    'sgx.identity',
    byPolicy({ identity: [SIGNER] }),
    'passed | expected MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN of at least 2 | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
  ],
  [
    'the signer with a lower version',
    'sgx.identity',
    byPolicy({ identity: [{ ...SIGNER, minimumIsvSvn: 1 }] }),
    'passed | expected MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN of at least 1 | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
  ],
  [
    "the signer's measurement as an enclave",
    'sgx.identity',
    byPolicy({ identity: [{ by: 'mrenclave', mrenclave: MRSIGNER }] }),
    'failed | expected MRENCLAVE abababab… (32 bytes) | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
  ],
  [
    "the enclave's measurement as a signer",
    'sgx.identity',
    byPolicy({ identity: [{ ...SIGNER, mrsigner: MRENCLAVE }] }),
    'failed | expected MRSIGNER e1e1e1e1… (32 bytes), ISVPRODID 1, ISVSVN of at least 2 | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
  ],
  [
    'any enclave',
    'sgx.identity',
    byPolicy({}),
    'waived | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
  ],
];

describe('what the checks on SGX quotes show', () => {
  promise('P7', 'where everything is demanded and good', async () => {
    const shown = showChecks(await verifyForgedSgx(byPolicy({ identity: [SIGNER], kss: [KSS] })));
    const settings = Object.entries(shown).filter(([id]) => /debug|attributes|miscselect|kss|identity$/u.test(id));
    expect(Object.fromEntries(settings.filter(([id]) => id !== 'sgx.qe-identity'))).toEqual({
      'sgx.debug': 'passed | expected DEBUG not set | found DEBUG not set | by test-root',
      'sgx.attributes': 'passed | expected flags 0x5, none outside 0x487 | found flags 0x85, XFRM 0xe7 | by test-root',
      'sgx.miscselect': 'passed | expected 00000000 | found 00000000 | by test-root',
      'sgx.kss':
        'passed | expected CONFIGID 01010101… (64 bytes), CONFIGSVN of at least 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | found CONFIGID 01010101… (64 bytes), CONFIGSVN 3, ISVEXTPRODID 02020202… (16 bytes), ISVFAMILYID 03030303… (16 bytes) | by test-root',
      'sgx.identity':
        'passed | expected MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN of at least 2 | found MRENCLAVE e1e1e1e1… (32 bytes), MRSIGNER abababab… (32 bytes), ISVPRODID 1, ISVSVN 2 | by test-root',
    });
  });

  for (const [what, check, changes, shown, says] of CASES) {
    promise('P7', `${check}: ${what}`, async () => {
      const found = (await verifyForgedSgx(changes)).checks.find(({ id }) => id === check);
      expect(found === undefined ? undefined : showCheck(found)).toBe(shown);
      if (says !== undefined) expect(found?.message).toBe(says);
    });
  }
});
