/**
 * Writes PEM (RFC 7468), in lines of 64 characters.
 *
 * @module
 */

/** One block with a final line break, so that blocks can be concatenated to chains. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
