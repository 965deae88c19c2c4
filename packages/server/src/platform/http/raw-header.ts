import type { IncomingMessage } from 'node:http';

/**
 * One header as it came: for paths that read two of them, where making the object of all would cost more than the rest.
 * `name` is lower case. Of one that came more than once, the first.
 */
export function findHeader({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const given = rawHeaders[i] ?? '';
    if (given.length === name.length && (given === name || given.toLowerCase() === name)) return rawHeaders[i + 1];
  }
  return undefined;
}
