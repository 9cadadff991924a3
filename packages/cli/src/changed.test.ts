import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { changedText } from './changed.ts';

promise('P7', 'a changed server is described with what differs, and with the way on', () => {
  expect(changedText('https://bank.example/mcp', ['packages: tree: aa -> bb', 'number: 1 -> 2'])).toBe(
    [
      'vitrine: this server is not as you pinned it:',
      '  packages: tree: aa -> bb',
      '  number: 1 -> 2',
      '  Ask its operator what changed and why. If you accept it, pin it again:',
      '  vitrine add https://bank.example/mcp',
      '',
    ].join('\n'),
  );
});

promise('P7', 'nothing is said where nothing differs', () => {
  expect(changedText('https://bank.example/mcp', [])).toBe('');
});

promise('P7', 'control characters in an address do not reach the terminal', () => {
  expect(changedText('https://bank.example/\u001b[2J', ['a'])).not.toContain('\u001b');
});
