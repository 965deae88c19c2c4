/** The runs on one database, in a process of their own (started by main.ts): prints one report as JSON per line. */
import { writeSync } from 'node:fs';
import type { Databases } from './databases.ts';
import { createPostgresDatabases, createSqliteDatabases } from './databases.ts';
import { scenarios } from './scenarios/index.ts';
import { simulate } from './simulate.ts';
import { watchWork } from './under-way.ts';

export interface WorkerOrder {
  readonly database: 'sqlite' | 'postgres';
  readonly scenarios: readonly string[];
  readonly seeds: readonly number[];
}

const order = JSON.parse(process.argv[2] ?? '') as WorkerOrder;
const tell = (message: object): void => void writeSync(1, `${JSON.stringify(message)}\n`);
const work = watchWork();
let databases: Databases | undefined;
try {
  databases = await (order.database === 'sqlite' ? createSqliteDatabases() : createPostgresDatabases());
} catch (error) {
  tell({ missing: error instanceof Error ? error.message : String(error) });
}
if (databases !== undefined) {
  for (const seed of order.seeds) {
    for (const scenario of scenarios) {
      if (order.scenarios.includes(scenario.name)) tell(await simulate({ scenario, databases, work, seed }));
    }
  }
  await databases.stop();
}
process.exit(0);
