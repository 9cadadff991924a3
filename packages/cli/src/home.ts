/**
 * This user's own Vitrine directory: pins, stores, the simulator's root.
 *
 * @module
 */
import { homedir } from 'node:os';
import { vitrineHome } from '@vitrine/client/home';

export function userHome(): string {
  return vitrineHome(process.env, process.platform, homedir());
}
