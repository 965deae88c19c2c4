/** The client of Slipway's whole API. */
import type { AllRoutes } from '@slipway/contract';
import { allRoutes } from '@slipway/contract';
import type { ClientOf, ClientOptions } from './client.ts';
import { createClientOf } from './client.ts';

export type Client = ClientOf<AllRoutes>;

/**
 * @example
 * const client = createClient({ url: 'http://127.0.0.1:4000' });
 * const run = await client.pipelines.run({ params: { pipeline: 'train' }, body: { params: {} } });
 */
export function createClient(options: ClientOptions): Client {
  return createClientOf(allRoutes, options);
}
