/**
 * Every file of the fuzzing corpus, without fuzzing: what was found once stays tried.
 *
 * @module
 */
import { describe, expect } from 'vitest';
import { promise } from '../promises.ts';
import { readCorpus } from './corpus.ts';
import { isRefusal } from './target.ts';
import { TARGETS } from './targets.ts';

describe.each(Object.entries(TARGETS))('corpus of %s', (name, load) => {
  promise('P7', 'every input gives a value or a refusal', async () => {
    const { target } = await load();
    const corpus = readCorpus(name);
    expect(corpus.length).toBeGreaterThan(0);
    const defects = corpus.flatMap((input) => {
      try {
        target.run(Uint8Array.from(input));
        return [];
      } catch (error) {
        return isRefusal(target, error) ? [] : [error];
      }
    });
    expect(defects).toEqual([]);
  });
});
