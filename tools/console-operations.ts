/** The console's table of operations: method and path of every JSON, text and event route, made from the contract. */
import type { Route } from '@slipway/contract';
import { allRoutes } from '@slipway/contract';

export const consoleOperationsPath = 'packages/ui/src/api/operations.gen.ts';

export function consoleOperations(): string {
  const table: Readonly<Record<string, Route>> = allRoutes;
  const rows = Object.entries(table).map(([name, { method, path }]) => `  '${name}': ['${method}', '${path}'],`);
  return `/** Made from the contract by \`npm run gen\`. */\nexport const operations = {\n${rows.join('\n')}\n} as const;\n`;
}
