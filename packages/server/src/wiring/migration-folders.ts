/** Where the migrations of each module lie among the sources: the build copies them into the package. */
import { withLedger } from '../platform/db/sqlite.ts';
import { stores } from '../stores.ts';

export interface MigrationFolder {
  readonly module: string;
  readonly folder: string;
}

export const migrationFolders: readonly MigrationFolder[] = withLedger(stores).map((store) => ({
  module: store.name,
  folder: store.migrations,
}));
