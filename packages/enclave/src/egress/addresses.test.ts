import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { addressRefusal } from './addresses.ts';

promise('P3', 'ordinary public addresses may be reached', () => {
  for (const address of ['1.1.1.1', '93.184.216.34', '172.32.0.1', '192.0.1.1', '2606:4700:4700::1111', '2a00::1']) {
    expect(addressRefusal(address)).toBeUndefined();
  }
});

for (const [address, what] of [
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['0.0.0.0', 'this network'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['100.100.100.200', 'shared by carriers, and metadata of some clouds'],
  ['169.254.169.254', 'link-local, and metadata of clouds'],
  ['168.63.129.16', 'metadata of a cloud'],
  ['224.0.0.1', 'multicast'],
  ['255.255.255.255', 'reserved or broadcast'],
  ['::1', 'not global unicast'],
  ['::', 'not global unicast'],
  ['::ffff:127.0.0.1', 'not global unicast'],
  ['::ffff:8.8.8.8', 'not global unicast'],
  ['64:ff9b::7f00:1', 'not global unicast'],
  ['fc00::1', 'not global unicast'],
  ['fd00:ec2::254', 'not global unicast'],
  ['fe80::1', 'not global unicast'],
  ['ff02::1', 'not global unicast'],
  ['2002:7f00:1::', '6to4, which holds an IPv4 address'],
  ['2001:0:1::', 'protocol assignments and Teredo'],
  ['2001:db8::1', 'documentation'],
] as const) {
  promise('P3', `${address} is refused: ${what}`, () => {
    expect(addressRefusal(address)).toBe(what);
  });
}

for (const spelling of ['127.1', '0x7f.0.0.1', '2130706433', '0177.0.0.1', 'fe80::1%eth0', '[::1]', '', 'localhost']) {
  promise('P3', `${JSON.stringify(spelling)} is no address that a resolver gives`, () => {
    expect(addressRefusal(spelling)).toBe('not an address');
  });
}

promise('P3', 'every spelling of an IPv6 address outside 2000::/3 is refused', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const groups = new URL(`http://[${address}]/`).hostname.slice(1, -1);
      const first = Number.parseInt(groups.split(':')[0] || '0', 16);
      if (isIPv6(groups) && first >> 13 !== 1) expect(addressRefusal(address)).toBe('not global unicast');
    }),
  );
});
