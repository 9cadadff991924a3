/**
 * Rules about the tree that no linter knows: which package may import which, no circles between
 * files, file ceilings, links in the documentation, and words that do not belong in the project.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Who may import whom. `documents` is open to everybody. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  documents: [],
  verifier: [],
  attester: [],
  simulator: ['attester'],
  storage: [],
  keys: ['attester', 'storage', 'verifier'],
  enclave: ['attester', 'keys'],
  client: ['verifier'],
  cli: ['verifier', 'attester', 'simulator', 'storage', 'keys', 'enclave', 'client'],
};
const MAX_LINES = 400;
/** Paths of a machine, hosts of package registries, and marks of unfinished work. */
const FORBIDDEN: readonly RegExp[] = [
  /\/work\/(?:main|shared|\.)/,
  /\/root\//,
  /registry\.[a-z]+\.[a-z]+/i,
  /\b(?:TODO|FIXME|XXX|HACK)\b/,
];
const IMPORT = /^\s*(?:import|export)\b[^'"]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

/** All problems, one line each; none means that the tree keeps its rules. */
export function checkTree(root: string): readonly string[] {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && existsSync(join(root, file)));
  const sources = new Map(
    files.filter((file) => /\.(?:ts|js|mjs)$/.test(file)).map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );
  return [
    ...[...sources].flatMap(([file, text]) => [...importProblems(file, text), ...ceilingProblems(file, text)]),
    ...circleProblems(root, sources),
    ...files.filter((file) => file.endsWith('.md')).flatMap((file) => linkProblems(root, file)),
    ...files
      .filter(
        (file) =>
          /\.(?:ts|js|mjs|md|json|ya?ml|sh)$|^\.ci\//.test(file) &&
          file !== 'package-lock.json' &&
          !file.startsWith('tools/check-tree'),
      )
      .flatMap((file) => wordProblems(root, file)),
  ];
}

function importsOf(text: string): readonly string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '');
}

function importProblems(file: string, text: string): readonly string[] {
  const from = /^packages\/([^/]+)\/src\//.exec(file)?.[1];
  // Tests may use the simulator and whatever else shows a promise.
  if (from === undefined || /\.test\.ts$|\/testing\//.test(file)) return [];
  const allowed = MAY_IMPORT[from];
  if (allowed === undefined) return [`${file}: package ${from} has no row in the table of allowed imports`];
  return importsOf(text).flatMap((specifier) => {
    const to = specifier === 'vitrine' ? 'cli' : /^@vitrine\/([^/]+)/.exec(specifier)?.[1];
    if (to === undefined && /(?:\.\.\/)+[a-z]+\/src\//.test(specifier))
      return [`${file}: reaches into another package: ${specifier}`];
    if (to === undefined || to === from || to === 'documents' || allowed.includes(to)) return [];
    return [`${file}: ${from} may not import ${to}`];
  });
}

function ceilingProblems(file: string, text: string): readonly string[] {
  const lines = text.split('\n').length;
  if (lines <= MAX_LINES || /\.test\.ts$|\/vectors\/|\/generated\//.test(file)) return [];
  return [`${file}: ${lines} lines, the ceiling is ${MAX_LINES}`];
}

function circleProblems(root: string, sources: ReadonlyMap<string, string>): readonly string[] {
  const edges = new Map(
    [...sources].map(([file, text]) => [
      file,
      importsOf(text)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => relative(root, resolve(root, dirname(file), specifier))),
    ]),
  );
  const done = new Set<string>();
  const problems: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      problems.push(`circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
      return;
    }
    if (done.has(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  return problems;
}

function linkProblems(root: string, file: string): readonly string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
    const target = match[1] ?? '';
    if (/^(?:https?:|mailto:|#)/.test(target)) return [];
    const path = resolve(root, dirname(file), target.split('#')[0] ?? '');
    return existsSync(path) ? [] : [`${file}: link to ${target}, which does not exist`];
  });
}

function wordProblems(root: string, file: string): readonly string[] {
  return readFileSync(join(root, file), 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const found = FORBIDDEN.find((word) => word.test(line));
      return found === undefined
        ? []
        : [`${file}:${index + 1}: ${found.exec(line)?.[0] ?? ''} does not belong in the project`];
    });
}
