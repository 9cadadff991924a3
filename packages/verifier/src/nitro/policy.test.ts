import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { NITRO_POLICY } from '../testing/forged-nitro.ts';
import { nitroPolicyShape } from './policy.ts';

const value = '00'.repeat(48);
const accepted = (changes: object): boolean => nitroPolicyShape.parse({ ...NITRO_POLICY, ...changes }).ok;

describe('the Nitro part of a policy', () => {
  test('is accepted where every field is written', () => {
    expect(accepted({})).toBe(true);
    expect(accepted({ pcrs: { pcr0: [value], pcr31: [value, value] } })).toBe(true);
    expect(accepted({ platforms: ['i-0123456789abcdef0', 'i-0123456789abcdef0-enc0123456789abcdef'] })).toBe(true);
    expect(accepted({ platforms: 'listed', maximumAgeSeconds: 1, debug: 'any' })).toBe(true);
  });

  const refused: readonly [name: string, changes: object][] = [
    ['no register', { pcrs: {} }],
    ['a register without values', { pcrs: { pcr0: [] } }],
    ['PCR32', { pcrs: { pcr32: [value] } }],
    ['a register written with a zero', { pcrs: { pcr01: [value] } }],
    ['a value of 32 bytes', { pcrs: { pcr0: ['00'.repeat(32)] } }],
    ['no platforms', { platforms: [] }],
    ['an account instead of an instance', { platforms: ['123456789012'] }],
    ['no age at all', { maximumAgeSeconds: 0 }],
    ['half a second', { maximumAgeSeconds: 0.5 }],
    ['another word for debug mode', { debug: 'allowed' }],
    ['an unknown field', { pcr0: value }],
  ];
  for (const [name, changes] of refused) {
    promise('P7', `is refused with ${name}`, () => {
      expect(accepted(changes)).toBe(false);
    });
  }

  for (const field of Object.keys(NITRO_POLICY)) {
    promise('P7', `is refused without ${field}`, () => {
      const { [field as keyof typeof NITRO_POLICY]: _, ...rest } = NITRO_POLICY;
      expect(nitroPolicyShape.parse(rest).ok).toBe(false);
    });
  }
});
