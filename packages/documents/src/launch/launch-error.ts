/**
 * The refusal of a launch document: which member, and why.
 *
 * @module
 */
import { VitrineError } from '../errors.ts';

/** A launch document is not one that Vitrine is launched by. `code` is `launch.app-compose` or `launch.init-data`. */
export class LaunchError extends VitrineError {
  /** Where in the document, such as `docker_compose_file.services.web.privileged`; empty for the whole of it. */
  readonly member: string;

  constructor(kind: 'app-compose' | 'init-data', member: string, why: string, options?: ErrorOptions) {
    super(`launch.${kind}`, `${kind}: ${member === '' ? '' : `${member}: `}${why}`, options);
    this.member = member;
  }
}
