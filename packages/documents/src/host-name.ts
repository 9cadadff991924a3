/**
 * Host names as manifests write them.
 *
 * @module
 */
import { type Shape, text } from './shape.ts';

/** An exact host name, or `*.` before one for the names below it. Never an address: the last label begins with a letter. */
export const egressHostShape: Shape<string> = text(
  'a host name, or *. before one',
  /^(?:\*\.)?(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
);
