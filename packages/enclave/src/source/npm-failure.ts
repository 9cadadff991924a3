/**
 * What npm's failures mean for the user: a mistake to correct, a registry to wait for, or code that is
 * not what it should be.
 *
 * @module
 */
import { UsageError, type VitrineError } from '@vitrine/documents';
import { LockMismatchError, SourceUnavailableError } from '../errors.ts';
import type { NpmOutcome } from './npm-command.ts';

/** @param locked - Whether npm was installing exactly what `vitrine.lock` says. */
export function npmFailure(written: string, outcome: NpmOutcome, locked: boolean): VitrineError {
  const said = outcome.errorText === '' ? '' : `\nnpm says:\n${outcome.errorText.replaceAll(/^/gm, '  ')}`;
  switch (outcome.errorCode) {
    case 'E404':
      return new UsageError(
        'source.unknown-package',
        `${written}: the registry has no such package, or one that it depends on${said}`,
      );
    case 'ETARGET':
    case 'ENOVERSIONS':
      return new UsageError('source.unknown-version', `${written}: the registry has no such version${said}`);
    case 'E401':
    case 'E403':
    case 'ENEEDAUTH':
      return new UsageError(
        'source.denied',
        `${written}: the registry refuses access; check the login in your npm configuration${said}`,
      );
    case 'EBADPLATFORM':
    case 'EBADENGINE':
      return new UsageError('source.platform', `${written}: the package does not support this machine${said}`);
    case 'EINTEGRITY':
      return new LockMismatchError(
        'source.integrity',
        `${written}: what the registry sent is not what it, or vitrine.lock, promised; it was not installed${said}`,
      );
    case 'EUSAGE':
      if (locked) {
        return new LockMismatchError(
          'lock.mismatch',
          `${written}: the npm lock inside vitrine.lock does not fit the package${said}`,
        );
      }
      return unavailable(written, outcome, said);
    default:
      return unavailable(written, outcome, said);
  }
}

function unavailable(written: string, outcome: NpmOutcome, said: string): SourceUnavailableError {
  return new SourceUnavailableError(
    'source.unavailable',
    `${written}: it could not be installed from the registry (${outcome.errorCode ?? `npm ended with exit code ${outcome.exitCode}`}). What is installed already works offline; else check the network and try again${said}`,
  );
}
