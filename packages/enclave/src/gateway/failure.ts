/**
 * How the gateway says that the hosted server, not the caller, is at fault, and that it is busy.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/**
 * The hosted server died, did not answer in time, or answered with something that is not MCP.
 * `code` is `server.failed`; the message names the exit code or signal and ends with its last lines of
 * standard error, so it is for the operator and not for remote clients.
 */
export class ServerFailedError extends VitrineError {
  constructor(message: string, options?: ErrorOptions) {
    super('server.failed', message, options);
  }
}

/** Every place is taken or the gateway is stopping. The message may be shown to remote clients. */
export class GatewayBusyError extends VitrineError {
  /** When it is worth trying again; absent: nobody knows. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, retryAfterSeconds?: number) {
    super('gateway.busy', message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
