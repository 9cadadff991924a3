import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import type { RootSource } from './binding.ts';
import { describeCopies, describeDerivable } from './describe-root.ts';

const source = (...derivableBy: readonly string[]): RootSource => ({
  kind: 'x',
  boundTo: 'y',
  derivableBy,
  survivesUpgrade: true,
  sharedByReplicas: false,
});

promise('P7', 'who else can derive a root is all of those who have a part of it', () => {
  expect(describeDerivable({ sources: [source('the KMS', 'its operator')] })).toBe('the KMS or its operator');
  expect(describeDerivable({ sources: [source()] })).toBe('nobody else');
  expect(describeDerivable({ sources: [source('the KMS'), source('the host')] })).toBe(
    'the KMS, together with the host',
  );
  expect(describeDerivable({ sources: [source('the KMS'), source()] })).toBe('nobody else');
  expect(describeDerivable({ sources: [] })).toBe('not stated');
});

promise('P7', 'copies that nobody remembers never read as anchored', () => {
  expect(describeCopies({ copies: 'unbounded' })).toMatch(/^per live copy/);
  const anchor = { kind: 'tpm-nv', rolledBackBy: ['who runs the machine', 'its firmware'] };
  expect(describeCopies({ copies: 'anchored', anchor })).toBe(
    'anchored by tpm-nv; can be put back by who runs the machine or its firmware',
  );
  expect(describeCopies({ copies: 'anchored', anchor: { kind: 'x', rolledBackBy: [] } })).toBe(
    'anchored by x; can be put back by nobody',
  );
  expect(describeCopies({ copies: 'anchored' })).toContain('not named');
});
