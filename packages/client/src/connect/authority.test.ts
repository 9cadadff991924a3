import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { lasting, verifiedResult } from '../testing/pin-fixtures.ts';
import { authorityLines } from './authority.ts';

promise('P7', 'who can change the code and who else can have the keys is said of what lasts, and only of that', () => {
  expect(authorityLines(verifiedResult())).toEqual([]);
  expect(authorityLines({})).toEqual([]);
  const keys = ['0a'.repeat(32), '0b'.repeat(32)];
  const signed = verifiedResult({
    manifest: { store: 'sealed', upgrade: { kind: 'signed', keys, threshold: 1, minDelay: 86_400 } },
    claims: lasting(4),
  });
  expect(authorityLines(signed)).toEqual([
    'who can change code and keep the keys: 1 of 2 release keys; the delay of 1 day is not enforced, since it names no witnesses',
    'who else can derive the keys: not stated; copies: per live copy: an older or a second one goes unnoticed by the server',
  ]);
});
