import { expect, test } from 'vitest';
import { hintOf } from './show.ts';

const entry = { command: 'npx', args: ['-y', '@vitrine/client@0.1.0', 'https://bank.example/mcp'] };
const posix = process.platform !== 'win32';

test('a client’s own way to take an entry carries exactly that entry', () => {
  const link = new URL(hintOf('cursor', 'user', 'bank', entry) ?? '');
  expect(link.searchParams.get('name')).toBe('bank');
  expect(JSON.parse(Buffer.from(link.searchParams.get('config') ?? '', 'base64').toString())).toEqual(entry);
  const quoted = (text: string | undefined): unknown => JSON.parse(/'(.*)'$/.exec(text ?? '')?.[1] ?? 'null');
  expect(quoted(hintOf('claude-code', 'project', 'bank', entry))).toEqual(posix ? { type: 'stdio', ...entry } : null);
  expect(quoted(hintOf('vscode', 'user', 'bank', entry))).toEqual(
    posix ? { name: 'bank', type: 'stdio', ...entry } : null,
  );
  expect(hintOf('claude-desktop', 'user', 'bank', entry)).toBeUndefined();
  expect(hintOf('vscode', 'project', 'bank', entry)).toBeUndefined();
  expect(hintOf(undefined, 'user', 'bank', entry)).toBeUndefined();
});
