/**
 * The options by which a command that looks at a server is told what is demanded of it.
 *
 * @module
 */
import { verifySpec } from './verify.ts';

const { preset, policy, reference, endorsements, offline } = verifySpec.options;

export const TRUST_OPTIONS = {
  preset,
  policy,
  reference,
  endorsements,
  offline,
  'deny-list': verifySpec.options['deny-list'],
  'tpm-ak': verifySpec.options['tpm-ak'],
  'allow-simulator': verifySpec.options['allow-simulator'],
  'simulator-root': verifySpec.options['simulator-root'],
} as const;
