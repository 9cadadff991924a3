/** What a script that starts Vitrine can tell apart. */
import { UsageError, VitrineError } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { EXIT, exitCodeOfError } from './exit-code.ts';

for (const code of [
  'attester.unavailable',
  'attester.busy',
  'attester.hardware',
  'anchor.unavailable',
  'keys.anchor-unavailable',
  'handover.unreachable',
  'busy',
]) {
  promise('P7', `${code} could not be asked, and is no internal error`, () => {
    expect(exitCodeOfError(new VitrineError(code, 'why'))).toBe(EXIT.notChecked);
  });
}

promise('P7', 'a store that is in use or damaged is for its operator to put right', () => {
  expect(exitCodeOfError(new VitrineError('storage.damaged', 'why'))).toBe(EXIT.usage);
});

promise('P7', 'what the caller has to put right stays so, whatever its code', () => {
  expect(exitCodeOfError(new UsageError('attester.root-missing', 'why'))).toBe(EXIT.usage);
});

promise('P7', 'anything else is an internal error', () => {
  expect(exitCodeOfError(new VitrineError('keys.protocol', 'why'))).toBe(EXIT.internal);
  expect(exitCodeOfError(new VitrineError('busybody', 'why'))).toBe(EXIT.internal);
  expect(exitCodeOfError(new Error('why'))).toBe(EXIT.internal);
});
