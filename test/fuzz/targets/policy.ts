/**
 * Policy files, with and without a preset below them.
 *
 * @module
 */
import { parsePolicy, presets } from '@vitrine/verifier';
import { decoded, type Target, textSeeds } from '../target.ts';

export const target: Target = {
  run: (bytes) => parsePolicy(decoded(bytes), 'policy.json'),
  seeds: async () =>
    textSeeds({
      ...Object.fromEntries(Object.entries(presets).map(([name, preset]) => [name, JSON.stringify(preset)])),
      extending: '{"type":"vitrine/appraisal-policy/v1","extends":"default","tdx":{"debug":"any","mrseam":["00"]}}',
      empty: '{"type":"vitrine/appraisal-policy/v1","extends":"strict","tdx":{}}',
      unknown: '{"type":"vitrine/appraisal-policy/v1","extends":"lenient"}',
    }),
  maxLength: 8192,
};
