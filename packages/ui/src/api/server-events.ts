/**
 * Server-sent events over fetch: unlike EventSource it sends the token, says why a stream was refused, and can be opened
 * anew when the machine wakes. One call is one connection; whoever follows decides when to open the next one.
 */
import { ApiError, openStream, unreachable } from './client.ts';

/** The server says that it is alive each 15 s; after twice that and a little the connection is dead. */
const silenceMaxMs = 35_000;
/** By the clock on the wall, which goes on while the machine sleeps: a dead stream is found this soon after it wakes. */
const lookEveryMs = 3000;

interface Followed {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly opened: () => void;
  readonly message: (data: string) => void;
}

/** Resolves when the server ends the stream; rejects with an `ApiError` when it was refused, cut, or silent for too long. */
export async function followEvents({ path, signal, opened, message }: Followed): Promise<void> {
  const watch = new AbortController();
  let heardAt = Date.now();
  const timer = setInterval(() => {
    if (Date.now() - heardAt > silenceMaxMs) watch.abort();
  }, lookEveryMs);
  try {
    const response = await openStream(path, AbortSignal.any([signal, watch.signal]));
    opened();
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) return;
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heardAt = Date.now();
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = block.split('\n').flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []));
        if (data.length > 0) message(data.join('\n'));
      }
    }
  } catch (error) {
    throw error instanceof ApiError ? error : unreachable();
  } finally {
    clearInterval(timer);
  }
}
