/**
 * A key distribution service in the shape of AMD's, for `node:http`: the same paths, parameters and forms, so that
 * a fetcher written for AMD's works with an emulated machine's.
 *
 * Shape: VCEK Certificate and KDS Interface Specification (AMD 57230), "Key Distribution Service".
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodePem } from '@vitrine/attester';
import { fromBase64Url } from '@vitrine/documents';
import { SNP_TCB } from './amd-pki.ts';
import type { SimulatedSnp } from './sev-guest.ts';

/** Where each part of the TCB version stands among its bytes. */
const PARTS: Readonly<Record<string, number>> = { blSPL: 0, teeSPL: 1, snpSPL: 6, ucodeSPL: 7 };

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
}

/** A handler for `http.createServer`. It knows the one chip, answers GET alone and keeps no state. */
export function createKdsHandler(
  machine: Pick<SimulatedSnp, 'product' | 'chipId' | 'endorsements'>,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const { status, type, body } =
      request.method === 'GET' ? answer(machine, request.url ?? '/') : failure(405, 'only GET');
    response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  };
}

function answer(
  { product, chipId, endorsements }: Pick<SimulatedSnp, 'product' | 'chipId' | 'endorsements'>,
  target: string,
): Answer {
  const base = 'http://kds.invalid';
  if (!URL.canParse(target, base)) return failure(400, 'not a request target');
  const { pathname, searchParams } = new URL(target, base);
  const { certificates = [], revocationLists = [] } = endorsements();
  const [vcek, ...authorities] = certificates.map((text) => fromBase64Url(text) ?? new Uint8Array());
  switch (pathname) {
    case `/vcek/v1/${product}/cert_chain`: {
      const body = authorities.map((der) => encodePem('CERTIFICATE', der)).join('');
      return { status: 200, type: 'application/x-pem-file', body };
    }
    case `/vcek/v1/${product}/crl`: {
      const body = fromBase64Url(revocationLists[0] ?? '') ?? new Uint8Array();
      return { status: 200, type: 'application/pkix-crl', body };
    }
    case `/vcek/v1/${product}/${chipId}`: {
      const isOurs = Object.entries(PARTS).every(([name, index]) => Number(searchParams.get(name)) === SNP_TCB[index]);
      if (!isOurs || vcek === undefined) return failure(404, 'no VCEK of this TCB version');
      return { status: 200, type: 'application/pkix-cert', body: vcek };
    }
    default:
      return failure(404, 'no such resource');
  }
}

function failure(status: number, why: string): Answer {
  return { status, type: 'text/plain', body: `${why}\n` };
}
