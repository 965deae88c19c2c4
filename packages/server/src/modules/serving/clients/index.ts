/** Routes of what programs need to ask one endpoint. */
import { servingClientRoutes } from '@slipway/contract';
import type { Binding } from '../../../platform/http/binding.ts';
import { bind, Stream } from '../../../platform/http/binding.ts';
import type { InterfaceDeps } from './interface.ts';
import { createInterfaceReader } from './interface.ts';
import { openApiOf } from './openapi.ts';
import { pythonClient } from './python.ts';
import { typescriptClient } from './typescript.ts';

export interface ServingClientDeps extends InterfaceDeps {
  /** Where this server can be reached, as far as it knows. */
  readonly url: () => string;
}

const writers = { typescript: typescriptClient, python: pythonClient };
const fileEndings = { typescript: 'ts', python: 'py' } as const;

export function servingClientsBinding(deps: ServingClientDeps): Binding {
  const reader = createInterfaceReader(deps);
  return bind(servingClientRoutes, {
    'endpoints.interface': ({ params }, { permissions }) =>
      reader.read(params.endpoint, { mayReadData: permissions.has('data.read') }),
    'endpoints.openapi': async ({ params, query }, { permissions }) => {
      const found = await reader.read(params.endpoint, { mayReadData: permissions.has('data.read') });
      return openApiOf(found, query.url ?? deps.url());
    },
    'endpoints.client': async ({ params, query }, { permissions }) => {
      const { endpoint } = params;
      const { language, url = deps.url() } = query;
      const found = await reader.read(endpoint, { mayReadData: permissions.has('data.read') });
      const name = `${endpoint.replaceAll(/[^\w-]/g, '_')}-client.${fileEndings[language]}`;
      return new Stream(
        (async function* () {
          yield writers[language](found, url);
        })(),
        {
          'content-type': 'text/plain; charset=utf-8',
          'content-disposition': `attachment; filename="${name}"`,
          'cache-control': 'no-store',
        },
      );
    },
  });
}
