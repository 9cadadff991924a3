/**
 * The table of commands. Descriptions are loaded with it, since help, completions and the man page come
 * from them; code is loaded only for the command that runs, so that `verify` does not pay for `run`.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents/errors';
import { nearest } from '@vitrine/documents/nearest';
import type { CommandRow } from './command-spec.ts';
import { addSpec } from './specs/add.ts';
import { completionSpec } from './specs/completion.ts';
import { configSpec } from './specs/config.ts';
import { connectSpec } from './specs/connect.ts';
import { diffSpec } from './specs/diff.ts';
import { doctorSpec } from './specs/doctor.ts';
import { explainSpec } from './specs/explain.ts';
import { initSpec } from './specs/init.ts';
import { keysSpec } from './specs/keys.ts';
import { manSpec } from './specs/man.ts';
import { pinsSpec } from './specs/pins.ts';
import { proxySpec } from './specs/proxy.ts';
import { releaseSpec } from './specs/release.ts';
import { runSpec } from './specs/run.ts';
import { secretsSpec } from './specs/secrets.ts';
import { verifySpec } from './specs/verify.ts';

/** All commands, in the order of the help text. */
export const COMMANDS: readonly CommandRow[] = [
  {
    spec: verifySpec,
    audience: 'Use a server',
    load: async () => (await import('./commands/verify.ts')).runVerify,
  },
  { spec: addSpec, audience: 'Use a server', load: async () => (await import('./commands/add.ts')).runAdd },
  {
    spec: connectSpec,
    audience: 'Use a server',
    load: async () => (await import('./commands/connect.ts')).runConnect,
  },
  { spec: proxySpec, audience: 'Use a server', load: async () => (await import('./commands/proxy.ts')).runProxy },
  { spec: pinsSpec, audience: 'Use a server', load: async () => (await import('./commands/pins.ts')).runPins },
  { spec: keysSpec, audience: 'Use a server', load: async () => (await import('./commands/keys.ts')).runKeys },
  {
    spec: secretsSpec,
    audience: 'Use a server',
    load: async () => (await import('./commands/secrets.ts')).runSecrets,
  },
  { spec: runSpec, audience: 'Host a server', load: async () => (await import('./commands/run.ts')).runRun },
  { spec: initSpec, audience: 'Host a server', load: async () => (await import('./commands/init.ts')).runInit },
  { spec: configSpec, audience: 'Host a server', load: async () => (await import('./commands/config.ts')).runConfig },
  {
    spec: releaseSpec,
    audience: 'Host a server',
    load: async () => (await import('./commands/release.ts')).runRelease,
  },
  {
    spec: explainSpec,
    audience: 'Look closer',
    load: async () => (await import('./commands/explain.ts')).runExplain,
  },
  { spec: diffSpec, audience: 'Look closer', load: async () => (await import('./commands/diff.ts')).runDiff },
  { spec: doctorSpec, audience: 'Look closer', load: async () => (await import('./commands/doctor.ts')).runDoctor },
  {
    spec: completionSpec,
    audience: 'Look closer',
    load: async () => {
      const { runCompletion } = await import('./commands/completion.ts');
      return (args) => runCompletion(args, COMMANDS);
    },
  },
  {
    spec: manSpec,
    audience: 'Look closer',
    load: async () => {
      const { runMan } = await import('./commands/man.ts');
      return (args) => runMan(args, COMMANDS);
    },
  },
];

/**
 * The command of this name.
 *
 * @throws UsageError with the nearest name, or with all of them.
 */
export function findCommand(name: string): CommandRow {
  const row = COMMANDS.find(({ spec }) => spec.name === name);
  if (row !== undefined) return row;
  const names = COMMANDS.map(({ spec }) => spec.name);
  const near = nearest(name, names);
  const hint = near === undefined ? `; commands: ${names.join(', ')}` : `; did you mean ${JSON.stringify(near)}?`;
  throw new UsageError('usage.command', `unknown command ${JSON.stringify(name)}${hint}`);
}
