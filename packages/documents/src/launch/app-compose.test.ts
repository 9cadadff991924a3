import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { canonicalBytes } from '../canonical.ts';
import { ABSENT, changed } from '../testing/changed.ts';
import { type AppComposeTerms, parseAppCompose, renderAppCompose } from './app-compose.ts';
import { LaunchError } from './launch-error.ts';

const IMAGE = `ghcr.io/example/vitrine:1@sha256:${'ab'.repeat(32)}`;
const D = 'cd'.repeat(48);
const TERMS: AppComposeTerms = {
  name: 'demo',
  settings: { kms_enabled: true, public_logs: false, key_provider: 'kms', key_provider_id: 'ab12' },
  compose: {
    services: {
      database: { image: IMAGE, environment: { ANY: 'value' }, volumes: ['files:/var/files:ro'], command: ['--quiet'] },
      vitrine: {
        image: IMAGE,
        command: ['run', '--platform', 'dstack'],
        environment: { VITRINE_MANIFEST_DIGEST: D },
        volumes: ['/var/run/dstack.sock:/var/run/dstack.sock', 'state:/data:rw'],
        ports: ['443:8443'],
        depends_on: ['database'],
        restart: 'always',
        security_opt: ['seccomp=unconfined'],
      },
    },
    volumes: { state: {}, files: {} },
  },
};
const DOCUMENT: unknown = JSON.parse(new TextDecoder().decode(renderAppCompose(TERMS)));
const bytesOf = (document: unknown): Uint8Array<ArrayBuffer> => canonicalBytes(document as object);

/** An app-compose whose compose file differs in one place. */
function withCompose(path: string, value: unknown): Uint8Array<ArrayBuffer> {
  const compose = changed(TERMS.compose, path, value);
  return bytesOf({ ...(DOCUMENT as object), docker_compose_file: new TextDecoder().decode(bytesOf(compose)) });
}

function refusal(bytes: Uint8Array): LaunchError {
  try {
    parseAppCompose(bytes);
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
  throw new Error('it was read');
}

describe('an app-compose', () => {
  promise('P3', 'says which enclave it starts with which manifest from which images', () => {
    expect(parseAppCompose(renderAppCompose(TERMS))).toEqual({
      ...TERMS,
      enclave: 'vitrine',
      manifestDigest: D,
      images: [IMAGE, IMAGE],
    });
  });

  promise('P3', 'is written in one form, and members may be left out', () => {
    const least: AppComposeTerms = {
      name: 'a',
      settings: {},
      compose: {
        services: {
          a: {
            image: IMAGE,
            environment: { VITRINE_MANIFEST_DIGEST: D },
            volumes: ['/run/dstack.sock:/var/run/dstack.sock'],
          },
        },
      },
    };
    expect(new TextDecoder().decode(renderAppCompose(least))).toBe(
      `{"allowed_envs":[],"docker_compose_file":"{\\"services\\":{\\"a\\":{\\"environment\\":{\\"VITRINE_MANIFEST_DIGEST\\":\\"${D}\\"},\\"image\\":\\"${IMAGE}\\",\\"volumes\\":[\\"/run/dstack.sock:/var/run/dstack.sock\\"]}}}","manifest_version":2,"name":"a","runner":"docker-compose"}`,
    );
    expect(parseAppCompose(bytesOf(changed(DOCUMENT, 'allowed_envs', ABSENT))).name).toBe('demo');
  });
});

describe('an app-compose is refused by the name of the member', () => {
  const MEMBERS: readonly (readonly [string, unknown])[] = [
    ['manifest_version', 1],
    ['manifest_version', '3'],
    ['manifest_version', ABSENT],
    ['runner', 'bash'],
    ['runner', 'nerdctl-compose'],
    ['runner', ABSENT],
    ['name', ''],
    ['name', 'a b'],
    ['name', '$(x)'],
    ['init_script', 'true'],
    ['pre_launch_script', 'true'],
    ['bash_script', 'true'],
    ['requirements', {}],
    ['verity_volumes', []],
    ['swap_size', 0],
    ['features', []],
    ['default_scripts', []],
    ['allowed_envs', ['VITRINE_MANIFEST_DIGEST']],
    ['allowed_envs', ['NODE_OPTIONS']],
    ['allowed_envs', ['ANYTHING']],
    ['public_logs', 'yes'],
    ['key_provider', 'other'],
    ['key_provider_id', 'x'],
    ['docker_compose_file', ABSENT],
    ['docker_compose_file', null],
  ];
  for (const [member, value] of MEMBERS) {
    promise('P3', `${member}: ${value === ABSENT ? 'absent' : JSON.stringify(value)}`, () => {
      const document =
        value === ABSENT ? changed(DOCUMENT, member, ABSENT) : { ...(DOCUMENT as object), [member]: value };
      const { message, code } = refusal(bytesOf(document));
      expect(code).toBe('launch.app-compose');
      expect(message).toContain(member);
    });
  }

  const SERVICE: readonly (readonly [string, unknown])[] = [
    ...[
      ...['privileged', 'pid', 'ipc', 'userns_mode', 'network_mode', 'cap_add', 'devices', 'device_cgroup_rules'],
      ...['volumes_from', 'entrypoint', 'env_file', 'extends', 'build', 'configs', 'secrets', 'post_start', 'pre_stop'],
      ...['healthcheck', 'develop', 'networks', 'tmpfs', 'user', 'labels', 'logging', 'profiles', '<<', '__proto__x'],
    ].map((name): readonly [string, unknown] => [name, true]),
    ['image', 'vitrine'],
    ['image', 'vitrine:latest'],
    ['image', `vitrine@sha256:${'AB'.repeat(32)}`],
    ['image', `vitrine@sha256:${'ab'.repeat(31)}`],
    ['image', `vitrine@sha512:${'ab'.repeat(32)}`],
    ['image', ABSENT],
    ['command', 'sh -c true'],
    ['environment', ['VITRINE_MANIFEST_DIGEST']],
    ['environment', { VITRINE_MANIFEST_DIGEST: null }],
    ['environment', { VITRINE_MANIFEST_DIGEST: D, 'A B': '' }],
    ['volumes', ['/:/host']],
    ['volumes', ['./files:/data']],
    ['volumes', ['/data']],
    ['volumes', [{ type: 'bind', source: '/', target: '/host' }]],
    ['volumes', ['state:/data:rw,z']],
    ['volumes', ['state:/data:ro:x']],
    ['ports', [443]],
    ['depends_on', ['nobody']],
    ['restart', 'sometimes'],
    ['security_opt', ['label=disable']],
  ];
  for (const [member, value] of SERVICE) {
    for (const service of ['vitrine', 'database']) {
      promise('P3', `${service}.${member}: ${value === ABSENT ? 'absent' : JSON.stringify(value)}`, () => {
        if (value === ABSENT)
          expect(refusal(withCompose(`services.${service}.${member}`, ABSENT)).message).toContain(member);
        else {
          const socket = member === 'volumes' && service === 'vitrine' ? ['/run/dstack.sock:/run/dstack.sock'] : [];
          const whole = Array.isArray(value) ? [...socket, ...(value as readonly unknown[])] : value;
          const { message, member: at } = refusal(withCompose(`services.${service}.${member}`, whole));
          expect(`${at} ${message}`).toContain(service);
          expect(message).toContain(member);
        }
      });
    }
  }

  const ENCLAVE: readonly (readonly [string, unknown, RegExp])[] = [
    ['services.vitrine.volumes', ['/var/run/dstack.sock:/tmp/s'], /agent's socket at/],
    ['services.vitrine.volumes', ['/var/run/docker.sock:/var/run/docker.sock'], /exactly one service/],
    ['services.vitrine.volumes', ['state:/data'], /exactly one service has the socket.*none/],
    ['services.database.volumes', ['/run/dstack.sock:/run/dstack.sock'], /exactly one service.*database, vitrine/],
    ['services.database.volumes', ['state:/elsewhere'], /shared with another service/],
    ['services.database.volumes', ['other:/elsewhere'], /no named volume/],
    ['volumes', { state: { driver_opts: { device: '/' } }, files: {} }, /driver_opts/],
    ['volumes', { files: {} }, /state is no named volume/],
    ['services.database.security_opt', ['seccomp=unconfined'], /only the enclave/],
    ['services.database.environment', { VITRINE_MANIFEST_DIGEST: D }, /only the service with/],
    ['services.vitrine.environment', {}, /VITRINE_MANIFEST_DIGEST/],
    ['services.vitrine.environment', { VITRINE_MANIFEST_DIGEST: D.slice(2) }, /VITRINE_MANIFEST_DIGEST/],
    ['services.vitrine.environment', { VITRINE_MANIFEST_DIGEST: D.toUpperCase() }, /VITRINE_MANIFEST_DIGEST/],
    ['services.vitrine.environment', { VITRINE_MANIFEST_DIGEST: D, NODE_OPTIONS: '--import=data:x' }, /NODE_OPTIONS/],
    ['services.vitrine.environment', { VITRINE_MANIFEST_DIGEST: D, LD_PRELOAD: '/data/x.so' }, /LD_PRELOAD/],
    ['services.vitrine.environment', { VITRINE_MANIFEST_DIGEST: D, PATH: '/data' }, /PATH/],
    ['services.vitrine.command', ['run', '$EXTRA'], /"\$"/],
    ['services.database.command', [['$', '{X}'].join('')], /"\$"/],
    ['services.database.environment', { A: '$$' }, /"\$"/],
    ['services.vitrine.command', ['é'], /printable ASCII/],
    ['services.vitrine.command', ['a\nb'], /command\[0\]/],
    ['services', {}, /exactly|at least one/],
    ['name', 'x', /unknown field "name"/],
    ['include', [], /unknown field "include"/],
    ['networks', {}, /unknown field "networks"/],
  ];
  for (const [path, value, says] of ENCLAVE) {
    promise('P3', `${path}: ${JSON.stringify(value).slice(0, 80)}`, () => {
      expect(refusal(withCompose(path, value)).message).toMatch(says);
    });
  }

  for (const target of ['/', '/usr', '/data-other', '/data/../usr', '/app', '/var/lib', '/var/lib/vitrine2']) {
    promise('P3', `files of the enclave over ${target}`, () => {
      const volumes = ['/var/run/dstack.sock:/var/run/dstack.sock', `state:${target}`];
      expect(refusal(withCompose('services.vitrine.volumes', volumes)).message).toMatch(/could hide code/);
    });
  }
});

describe('an app-compose is read in one way only', () => {
  const TEXT = new TextDecoder().decode(renderAppCompose(TERMS));
  const withFile = (file: string): Uint8Array<ArrayBuffer> =>
    bytesOf({ ...(DOCUMENT as object), docker_compose_file: file });
  const FILE = (DOCUMENT as { readonly docker_compose_file: string }).docker_compose_file;
  const CASES: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['a member twice', new TextEncoder().encode(TEXT.replace('{', '{"name":"demo",')), /strict JSON/],
    ['no JSON', new TextEncoder().encode('name: demo'), /strict JSON/],
    ['no object', new TextEncoder().encode('[]'), /expected an object/],
    ['no UTF-8', Uint8Array.of(0xff), /UTF-8/],
    ['a byte order mark', new TextEncoder().encode(`\ufeff${TEXT}`), /strict JSON/],
    ['too much', new Uint8Array(200_000).fill(0x20), /longer than/],
    ['a compose file in YAML', withFile('services: {}'), /docker_compose_file: not strict JSON/],
    [
      'a compose file with a member twice',
      withFile(FILE.replace('{', '{"services":{},')),
      /docker_compose_file: not strict JSON/,
    ],
    ['a compose file with blanks', withFile(FILE.replace('{', '{ ')), /canonical form/],
    ['a compose file with an escape', withFile(FILE.replace('"run"', '"\\u0072un"')), /canonical form/],
  ];
  for (const [what, bytes, says] of CASES) {
    promise('P3', `: ${what}`, () => expect(refusal(bytes).message).toMatch(says));
  }

  promise('P3', 'any bytes give terms that are written to the same meaning, or the one error', () => {
    const document = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc.tuple(fc.nat(TEXT.length - 1), fc.nat(127)).map(([at, code]) => {
        const bytes = new TextEncoder().encode(TEXT);
        bytes[at] = code;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(document, (bytes) => {
        try {
          const { enclave, manifestDigest, images, ...terms } = parseAppCompose(bytes);
          expect(parseAppCompose(renderAppCompose(terms))).toEqual({ enclave, manifestDigest, images, ...terms });
        } catch (error) {
          expect(error).toBeInstanceOf(LaunchError);
        }
      }),
    );
  });

  promise('P3', 'what would not be read back is not written', () => {
    expect(() => renderAppCompose({ ...TERMS, name: 'a b' })).toThrow(LaunchError);
    expect(() => renderAppCompose({ ...TERMS, compose: { services: {} } })).toThrow(LaunchError);
    expect(() => renderAppCompose({ ...TERMS, settings: { key_provider_id: 'x' } })).toThrow(LaunchError);
  });
});
