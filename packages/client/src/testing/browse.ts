/**
 * A browser whose user says yes: opens the address of a sign-in and follows the one redirect back
 * to the listener, as a plain navigation.
 *
 * @module
 */
import { get, type IncomingMessage } from 'node:http';

/** Gives the status with which the listener answered. */
export async function browse(authorizationUrl: string): Promise<number | undefined> {
  const asked = await open(authorizationUrl);
  const back = await open(asked.headers.location ?? '');
  return back.statusCode;
}

function open(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      response.resume().on('end', () => resolve(response));
    });
    request.on('error', reject);
  });
}
