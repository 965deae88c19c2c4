/** What the command line needs to look at a table as this module would, where no server runs. */
export { postgresRows } from '../../platform/db/postgres-rows.ts';
export { fitsTypeSql, inferColumnTypes } from './csv.ts';
export { kindOf } from './distribution.ts';
export type { Kind } from './distribution.ts';
export { isReservedColumn } from './format.ts';
