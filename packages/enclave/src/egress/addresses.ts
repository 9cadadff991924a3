/**
 * Addresses that a hosted server may never reach, whatever name led to them: this machine, its
 * networks, the metadata services of clouds, and everything that is not ordinary unicast.
 *
 * Looked at after the name was resolved, as the numbers that will be connected to, so that no spelling
 * and no later answer of a name server makes a difference.
 *
 * Specification: the IANA registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890).
 *
 * @module
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const REFUSED_V4: readonly (readonly [network: string, prefix: number, what: string])[] = [
  ['0.0.0.0', 8, 'this network'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'shared by carriers, and metadata of some clouds'],
  ['127.0.0.0', 8, 'loopback'],
  ['168.63.129.16', 32, 'metadata of a cloud'],
  ['169.254.0.0', 16, 'link-local, and metadata of clouds'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'protocol assignments'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, '6to4 relay'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'benchmarking'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved or broadcast'],
];

const REFUSED_V6: readonly (readonly [network: string, prefix: number, what: string])[] = [
  // Global unicast is 2000::/3; all else is refused without being named.
  ['2001::', 23, 'protocol assignments and Teredo'],
  ['2001:db8::', 32, 'documentation'],
  ['2002::', 16, '6to4, which holds an IPv4 address'],
  ['3fff::', 20, 'documentation'],
];

const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6');

/**
 * Why `address` is refused; `undefined` where it may be connected to.
 *
 * @param address - As the resolver gave it: dotted decimal, or IPv6 without brackets.
 */
export function addressRefusal(address: string): string | undefined {
  if (isIPv4(address)) return named(address, REFUSED_V4, 'ipv4');
  // A zone index names an interface of this machine.
  if (!isIPv6(address) || address.includes('%')) return 'not an address';
  // IPv4-mapped, NAT64, ULA, link-local, loopback and multicast all lie outside.
  if (!GLOBAL_UNICAST.check(address, 'ipv6')) return 'not global unicast';
  return named(address, REFUSED_V6, 'ipv6');
}

function named(
  address: string,
  table: readonly (readonly [string, number, string])[],
  family: 'ipv4' | 'ipv6',
): string | undefined {
  for (const [network, prefix, what] of table) {
    const list = new BlockList();
    list.addSubnet(network, prefix, family);
    if (list.check(address, family)) return what;
  }
  return undefined;
}
