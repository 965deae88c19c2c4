/** Governance reads: where things came from, what happened, and whether the record of it is intact. */
import { governanceRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Ledger } from '../../platform/ledger/ledger.ts';
import { searchLedger } from './search.ts';
import { createVerify } from './verify.ts';
import type { Explain } from './why.ts';
import { explainOnward, explainWhy } from './why.ts';

export { verifyLedgerFile } from './ledger-file.ts';
export type { Explain, Explanation, Reference } from './why.ts';

export interface GovernanceDeps {
  readonly ledger: Ledger;
  /** One per kind of `slipway why`. */
  readonly explainers: Readonly<Record<string, Explain>>;
  /** One per kind of `slipway why --onward`: they name what came of a thing. */
  readonly followers: Readonly<Record<string, Explain>>;
}

/** How often an idle event stream says that it is alive, so that proxies keep it open. */
const keepAliveMs = 15_000;

export function governanceBinding(deps: GovernanceDeps): Binding {
  const { ledger } = deps;
  const verify = createVerify(ledger);
  return bind(governanceRoutes, {
    'why.get': ({ params }) => explainWhy(deps.explainers, { kind: params.kind, id: params.id }),
    'why.onward': ({ params }) => explainOnward(deps.followers, { kind: params.kind, id: params.id }),
    'ledger.list': ({ query }) => searchLedger(ledger, query),
    'ledger.verify': ({ query }) => verify(query),
    'events.follow': async ({ query }, caller) => {
      const last = Number(caller.headers['last-event-id'] ?? Number.NaN);
      const after = Number.isSafeInteger(last) ? last : query.after;
      return new Stream(serverSentEvents(ledger.follow(after, caller.signal), caller.signal), {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
      });
    },
  });
}

async function* serverSentEvents(events: ReturnType<Ledger['follow']>, signal: AbortSignal): AsyncGenerator<string> {
  yield `retry: 1000\n\n`;
  const iterator = events[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    while (!signal.aborted) {
      let timer: NodeJS.Timeout | undefined;
      const idle = new Promise<'idle'>((resolve) => {
        timer = setTimeout(resolve, keepAliveMs, 'idle');
      });
      const winner = await Promise.race([next, idle]);
      clearTimeout(timer);
      if (winner === 'idle') {
        yield ': alive\n\n';
        continue;
      }
      if (winner.done === true) return;
      yield `id: ${winner.value.seq}\ndata: ${JSON.stringify(winner.value)}\n\n`;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
  }
}
