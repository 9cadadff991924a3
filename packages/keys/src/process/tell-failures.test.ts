import { VitrineError } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { tellFailures } from './tell-failures.ts';

promise(
  'P7',
  'the operator reads why evidence fails, once for each reason, and nothing of foreign errors',
  async () => {
    const lines: string[] = [];
    const told = tellFailures((line) => lines.push(line));
    const failing = async (error: Error): Promise<void> => {
      await expect(told(() => Promise.reject(error))).rejects.toBe(error);
    };
    expect(await told(async () => 'evidence')).toBe('evidence');
    expect(lines).toEqual([]);
    await failing(new VitrineError('attester.hardware', 'the TPM is gone'));
    await failing(new VitrineError('attester.hardware', 'the TPM is gone'));
    await failing(new VitrineError('attester.busy', 'try again later'));
    await failing(new VitrineError('attester.hardware', 'the TPM is gone'));
    expect(lines).toEqual(['no evidence can be made: the TPM is gone']);
    await failing(new Error('the secret detail'));
    expect(lines.join()).not.toContain('secret detail');
    expect(lines).toHaveLength(2);
    await told(async () => 'evidence');
    await told(async () => 'evidence');
    expect(lines.slice(2)).toEqual(['evidence is made again']);
  },
);
