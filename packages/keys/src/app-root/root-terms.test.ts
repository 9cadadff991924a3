import type { RootSecretSource } from '@vitrine/attester';
import { UsageError } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { requireRootTerms } from './root-terms.ts';

function source(kind: string, boundTo: string): RootSecretSource {
  return {
    description: { kind, boundTo, derivableBy: [], survivesUpgrade: true, sharedByReplicas: false },
    secret: async () => new Uint8Array(32).fill(1),
  };
}

const TPM = source('tpm-pcr', 'PCR 0 and 4');
const KBS = source('kbs', 'the key broker https://kbs.example');
const OTHER_KBS = source('kbs', 'the key broker https://other.example');
const named = (...roots: { readonly kind: string; readonly boundTo?: string }[]) => ({ roots });

promise('P4', 'the sources that the manifest names are accepted, and the simulator needs none named', () => {
  requireRootTerms(named({ kind: 'tpm-pcr' }), [TPM], false);
  requireRootTerms(named({ kind: 'tpm-pcr', boundTo: 'PCR 0 and 4' }), [TPM], false);
  requireRootTerms(named({ kind: 'tpm-pcr' }, { kind: 'kbs', boundTo: KBS.description.boundTo }), [TPM, KBS], false);
  requireRootTerms({}, [source('simulator', 'a directory')], true);
});

for (const [what, manifest, sources, message] of [
  ['a manifest that says nothing', {}, [TPM], /says nothing of it.*"roots: \[\{ kind: tpm-pcr \}\]"/],
  [
    'another kind',
    named({ kind: 'tpm-pcr' }),
    [source('ephemeral', 'a boot')],
    /has \[\{ kind: tpm-pcr \}\], and here/,
  ],
  [
    'one source fewer',
    named({ kind: 'tpm-pcr' }, { kind: 'ephemeral' }),
    [TPM],
    /and here it would be \[\{ kind: tpm-pcr/,
  ],
  ['one source more', named({ kind: 'tpm-pcr' }), [TPM, source('ephemeral', 'a boot')], /kind: ephemeral/],
  ['a TPM that seals to something else', named({ kind: 'tpm-pcr', boundTo: 'PCR 0' }), [TPM], /PCR 0/],
  [
    'a key broker of which only the kind is named',
    named({ kind: 'kbs' }),
    [KBS],
    /boundTo: "the key broker https:\/\/kbs/,
  ],
  ['another key broker', named({ kind: 'kbs', boundTo: KBS.description.boundTo }), [OTHER_KBS], /other\.example/],
  ['a platform without a secret', {}, [], /no secret of its own/],
] as const) {
  promise('P4', `${what} is refused, whoever starts it`, () => {
    expect(() => requireRootTerms(manifest, sources, false)).toThrow(UsageError);
    expect(() => requireRootTerms(manifest, sources, false)).toThrow(message);
  });
}

promise('P4', 'a simulated platform keeps to what the manifest names, where it does', () => {
  expect(() => requireRootTerms(named({ kind: 'tpm-pcr' }), [source('simulator', 'a directory')], true)).toThrow(
    /kind: simulator/,
  );
});
