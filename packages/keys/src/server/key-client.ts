/**
 * A hosted server's way to its keys: the socket that it inherits, as a client with one typed method.
 *
 * It runs in the sandbox beside foreign code, so it is one file that imports Node's modules only, and holds
 * nothing worth stealing: whoever has the socket has the server's rights, and no more.
 *
 * @module
 */
import { Socket } from 'node:net';
import type { Explanation, MethodName, Methods } from '../wire.ts';

/** What the key service said instead of a result. */
export class KeyServiceError extends Error {
  override readonly name: string = 'KeyServiceError';
  /** Stable, such as `policy.denied`. */
  readonly code: string;
  /** The rule or limit that decided, where one did. */
  readonly rule?: string;
  /** What approvers have to sign, canonical JSON, where signatures of theirs are missing. */
  readonly approval?: string;

  constructor(message: string, code: string, data: { readonly rule?: unknown; readonly approval?: unknown } = {}) {
    super(message);
    this.code = code;
    if (typeof data.rule === 'string') this.rule = data.rule;
    if (typeof data.approval === 'string') this.approval = data.approval;
  }
}

export interface KeyClient {
  /**
   * Asks the key service.
   *
   * @throws KeyServiceError for a refusal, or when the service is gone (`keys.gone`).
   */
  call<M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']>;
  /** What would be decided of a request; nothing is signed. */
  explain<M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Explanation>;
  close(): void;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: KeyServiceError) => void;
}

const VARIABLE = 'VITRINE_KEYS';

/**
 * Connects over the inherited descriptor. A process that only waits for nothing can still end.
 *
 * @throws KeyServiceError with code `keys.absent` where this process has no keys.
 */
export function connectKeys(environment: Readonly<Record<string, string | undefined>> = process.env): KeyClient {
  const descriptor = /^fd:([0-9]{1,3})$/.exec(environment[VARIABLE] ?? '')?.[1];
  if (descriptor === undefined) {
    throw new KeyServiceError(
      `this process has no key service: ${VARIABLE} is not set; the manifest of the server has to name keys or a store`,
      'keys.absent',
    );
  }
  return keyClient(new Socket({ fd: Number(descriptor), readable: true, writable: true }));
}

/** The client over a socket that is connected. */
export function keyClient(socket: Socket): KeyClient {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let rest = '';
  let gone: KeyServiceError | undefined;

  function end(): void {
    gone ??= new KeyServiceError('the key service has closed the connection', 'keys.gone');
    for (const { reject } of waiting.values()) reject(gone);
    waiting.clear();
  }

  function take(line: string): void {
    const message = JSON.parse(line) as {
      readonly id?: unknown;
      readonly result?: unknown;
      readonly error?: {
        readonly message?: string;
        readonly data?: { readonly code?: unknown; readonly rule?: unknown; readonly approval?: unknown };
      };
    };
    const one = waiting.get(Number(message.id));
    if (one === undefined) return;
    waiting.delete(Number(message.id));
    if (waiting.size === 0) socket.unref();
    if (message.error === undefined) one.resolve(message.result);
    else {
      const { message: why = 'the key service refused', data = {} } = message.error;
      one.reject(new KeyServiceError(why, typeof data.code === 'string' ? data.code : 'keys.refused', data));
    }
  }

  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  socket.on('error', end).on('close', end);
  socket.unref();

  async function call<M extends MethodName>(method: M, params: Methods[M]['params']): Promise<Methods[M]['result']> {
    if (gone !== undefined) throw gone;
    last += 1;
    const id = last;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    waiting.set(id, { resolve, reject });
    socket.ref();
    socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return (await promise) as Methods[M]['result'];
  }

  return {
    call,
    explain: (method, params) => call('explain', { method, params }),
    close: () => socket.destroy(),
  };
}
