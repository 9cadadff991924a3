/**
 * What the environment says about the network. Addresses are shown without user name and password.
 *
 * @module
 */
import type { Examined } from './examined.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, missing, problem } = findingsOf('Network');

const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'] as const;

export function examineNetwork(machine: Examined): readonly Finding[] {
  return [...proxies(machine), ...tls(machine), ...options(machine)];
}

function proxies({ env }: Examined): readonly Finding[] {
  const set = PROXIES.filter((name) => (env[name] ?? '') !== '');
  if (set.length === 0) return [missing('proxy', 'no proxy is set in the environment')];
  return set.map((name) => {
    const address = hostOf(env[name] ?? '');
    return address === undefined
      ? problem('proxy', `${name} is no address of a proxy`, `set it to http://host:port, or unset ${name}`)
      : ok('proxy', `${name} is ${address}`);
  });
}

/** Scheme, host and port, and nothing that may be a secret. */
function hostOf(text: string): string | undefined {
  try {
    const { protocol, host } = new URL(text);
    return host === '' || !/^(?:https?|socks[45]?h?):$/.test(protocol) ? undefined : `${protocol}//${host}`;
  } catch {
    return undefined;
  }
}

function tls({ env, exists }: Examined): readonly Finding[] {
  const extra = env['NODE_EXTRA_CA_CERTS'] ?? '';
  const findings: Finding[] = [];
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    findings.push(
      problem(
        'tls.unauthorized',
        'NODE_TLS_REJECT_UNAUTHORIZED is 0: any certificate passes wherever ordinary TLS is used; attested servers are still checked',
        'unset NODE_TLS_REJECT_UNAUTHORIZED',
      ),
    );
  }
  if (extra !== '') {
    findings.push(
      exists(extra)
        ? ok(
            'tls.extra',
            `NODE_EXTRA_CA_CERTS adds ${extra} where ordinary TLS is used; attested servers are not affected`,
          )
        : problem(
            'tls.extra',
            `NODE_EXTRA_CA_CERTS names ${extra}, which is not there`,
            'correct or unset NODE_EXTRA_CA_CERTS',
          ),
    );
  }
  return findings.length > 0 ? findings : [ok('tls', 'ordinary TLS is as Node ships it')];
}

function options({ env }: Examined): readonly Finding[] {
  const loads = /(?:^|\s)(?:-r|--require|--import|--loader|--experimental-loader|--inspect[a-z-]*)(?:[\s=]|$)/;
  if (!loads.test(env['NODE_OPTIONS'] ?? '')) return [];
  return [
    problem(
      'node.options',
      'NODE_OPTIONS loads other code into every Node program, the verifying bridge among them',
      'unset NODE_OPTIONS where MCP clients are started',
    ),
  ];
}
