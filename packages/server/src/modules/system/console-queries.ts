/** What the console asks of the whole workspace. The answers are put together from the modules' doors by the wiring. */
import type { Found, Loop } from '@slipway/contract';
import { consoleRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind } from '../../platform/http/binding.ts';

export interface ConsoleQueries {
  /** A fixed number of small reads, whatever the size of the workspace. */
  readonly loop: () => Promise<Loop>;
  /** Best matches first. */
  readonly find: (text: string, limit: number) => Promise<readonly Found[]>;
}

export function consoleBinding({ loop, find }: ConsoleQueries): Binding {
  return bind(consoleRoutes, {
    'loop.get': () => loop(),
    'palette.search': async ({ query }) => ({ items: [...(await find(query.q, query.limit))] }),
  });
}
