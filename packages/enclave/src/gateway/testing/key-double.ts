/**
 * In place of the key service: takes the sockets of servers and says what it was asked.
 *
 * @module
 */
import type { Socket } from 'node:net';
import type { GatewayAnswers, Instance, KeyService } from '@vitrine/keys/client';
import { onTestFinished } from 'vitest';

interface Admitted {
  readonly instance: Instance;
  readonly socket: Socket;
}

export interface KeyDouble extends Pick<KeyService, 'admit' | 'attend' | 'dismiss'> {
  readonly admitted: readonly Admitted[];
  readonly dismissed: readonly string[];
  /** How the gateway answers about instances. */
  gateway(): GatewayAnswers;
}

export interface KeyDoubleOptions {
  /** Does not read from the sockets. */
  readonly hold?: boolean;
  /** Why nobody is admitted. */
  readonly refuse?: string;
}

export function keyDouble({ hold = false, refuse }: KeyDoubleOptions = {}): KeyDouble {
  const admitted: Admitted[] = [];
  const dismissed: string[] = [];
  let answers: GatewayAnswers | undefined;
  onTestFinished(() => {
    for (const { socket } of admitted) socket.destroy();
  });
  return {
    admitted,
    dismissed,
    attend(gateway) {
      answers = gateway;
    },
    async admit(instance, socket) {
      if (refuse !== undefined) throw new Error(refuse);
      admitted.push({ instance, socket });
      if (!hold) socket.resume();
    },
    dismiss: (instance) => void dismissed.push(instance),
    gateway() {
      if (answers === undefined) throw new Error('nobody attends');
      return answers;
    },
  };
}
