/**
 * Shows the address of a sign-in to a person: in a browser, and as text for when that fails or is
 * the wrong browser.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { cleanText } from '../clean-text.ts';
import { isLoopback } from '../server-url.ts';

export interface BrowserOptions {
  /** False leaves it at the text. */
  readonly openBrowser: boolean;
  /** One line for people. */
  readonly report: (line: string) => void;
  /** Opens an address; `open` by default, which passes it on without a shell. */
  readonly open?: (url: string) => Promise<void>;
}

/**
 * A function for `SignInOptions.interact`. It rejects when no browser was opened, so that the request
 * that needs the sign-in can say so.
 */
export function showInBrowser({
  openBrowser,
  report,
  open = openWithSystem,
}: BrowserOptions): (url: string) => Promise<void> {
  return async (text) => {
    const url = requireBrowsable(text);
    report(`sign in at ${cleanText(url, 4_000)}`);
    if (!openBrowser) throw new UsageError('sign-in.browser', 'no browser is to be opened');
    await open(url);
  };
}

/** Only web addresses: the system opens others with whatever program claims them. */
function requireBrowsable(text: string): string {
  const url = new URL(text);
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.href))) return url.href;
  throw new UsageError('sign-in.browser', `the address of the sign-in is not https but ${url.protocol.slice(0, -1)}`);
}

async function openWithSystem(url: string): Promise<void> {
  const { default: open } = await import('open');
  const opener = await open(url);
  // Where there is no browser the opener ends at once and says so by its exit code.
  await new Promise<void>((resolve, reject) => {
    const failed = (): void => reject(new UsageError('sign-in.browser', 'no browser could be opened'));
    const timer = setTimeout(resolve, 1_500);
    opener.once('error', failed);
    opener.once('exit', (code) => (code === 0 || code === null ? resolve() : failed()));
    opener.once('exit', () => clearTimeout(timer)).once('error', () => clearTimeout(timer));
  });
}
