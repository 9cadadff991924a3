import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createStateSeal, type StateBinding } from './request-state.ts';

const binding: StateBinding = {
  principal: 'A',
  capabilities: { elicitation: {} },
  method: 'tools/call',
  params: { name: 't', arguments: { b: 1, a: [2] } },
};
const state = { callId: '00112233445566778899aabbccddeeff', expiresAt: 1234.5 };
const seal = createStateSeal(randomBytes(32), randomBytes);

promise('P1', 'a state opens for its own call, in whatever order the members come', () => {
  const sealed = seal.seal(state, binding);
  const retry = {
    ...binding,
    params: {
      arguments: { a: [2], b: 1 },
      name: 't',
      requestState: sealed,
      inputResponses: { x: {} },
      _meta: { progressToken: 1 },
    },
  };
  expect(seal.open(sealed, retry)).toEqual(state);
});

promise('P1', 'a state says nothing of what is in it and is never the same twice', () => {
  const [first, second] = [seal.seal(state, binding), seal.seal(state, binding)];
  expect(first).not.toBe(second);
  expect(Buffer.from(first, 'base64url').toString('hex')).not.toContain(state.callId);
});

const flips: readonly (readonly [string, Partial<StateBinding>])[] = [
  ['principal', { principal: 'B' }],
  ['capabilities', { capabilities: { elicitation: {}, sampling: {} } }],
  ['method', { method: 'prompts/get' }],
  ['name', { params: { ...binding.params, name: 'u' } }],
  ['arguments', { params: { ...binding.params, arguments: { b: 1, a: [3] } } }],
  ['parameters', { params: undefined }],
];
for (const [what, flip] of flips) {
  promise('P1', `a state does not open under another ${what}`, () => {
    expect(seal.open(seal.seal(state, binding), { ...binding, ...flip })).toBeUndefined();
  });
}

promise('P1', 'a state of another boot does not open', () => {
  const other = createStateSeal(randomBytes(32), randomBytes);
  expect(seal.open(other.seal(state, binding), binding)).toBeUndefined();
});

promise('P1', 'no changed bit, no other length and no other spelling of a state opens', () => {
  const sealed = seal.seal(state, binding);
  const bytes = Buffer.from(sealed, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(seal.open(changed.toString('base64url'), binding)).toBeUndefined();
  }
  const spellings = [`${sealed}=`, ` ${sealed}`, `${sealed}\n`, sealed.slice(0, -1), `${sealed}A`, ''];
  expect(spellings.map((one) => seal.open(one, binding)).filter((one) => one !== undefined)).toEqual([]);
});

promise('P1', 'any text opens to nothing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      expect(seal.open(text, binding)).toBeUndefined();
    }),
  );
});
