/**
 * Addresses that a URL from elsewhere must not lead to. A server names its authorization server, and
 * whoever writes that name must not reach what only this machine can reach: itself, the network link,
 * and the metadata services of clouds, which hand out credentials.
 *
 * Private networks are allowed: companies run their authorization servers there. Names are checked
 * by the addresses that are then connected to, so a name that changes in between changes nothing.
 *
 * @module
 */
import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { UnreachableError } from '../errors.ts';

const never = new BlockList();
never.addSubnet('0.0.0.0', 8);
never.addSubnet('169.254.0.0', 16);
never.addAddress('100.100.100.200');
never.addAddress('192.0.0.192');
never.addSubnet('224.0.0.0', 3);
never.addAddress('::', 'ipv6');
never.addSubnet('fe80::', 10, 'ipv6');
never.addSubnet('ff00::', 8, 'ipv6');
never.addAddress('fd00:ec2::254', 'ipv6');
never.addAddress('fd20:ce::254', 'ipv6');
never.addAddress('168.63.129.16');
// The same by way of a translator (RFC 6052), and in the old form with an IPv4 address inside.
for (const prefix of ['64:ff9b::', '::']) {
  never.addSubnet(`${prefix}0.0.0.0`, 104, 'ipv6');
  never.addSubnet(`${prefix}169.254.0.0`, 112, 'ipv6');
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('64:ff9b::127.0.0.0', 104, 'ipv6');
loopback.addSubnet('::127.0.0.0', 104, 'ipv6');

/** Whether `address` may be connected to. IPv4 addresses inside IPv6 ones count as what they are. */
export function isAllowedAddress(address: string, allowLoopback: boolean): boolean {
  const kind = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(address) === 0 || never.check(address, kind)) return false;
  return allowLoopback || !loopback.check(address, kind);
}

/** The error for an address that is not allowed. */
export function forbiddenAddress(host: string): UnreachableError {
  return new UnreachableError(
    'network.address',
    `${host} is an address of this machine, of its network link or of a metadata service; nothing was sent there`,
  );
}

/** A `lookup` for sockets which fails when a name has an address that is not allowed. */
export function guardedLookup(allowLoopback: boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const [first] = addresses;
      if (first === undefined || addresses.some(({ address }) => !isAllowedAddress(address, allowLoopback))) {
        return callback(forbiddenAddress(hostname), '');
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
