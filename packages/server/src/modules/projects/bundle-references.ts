import type { Db } from '../../platform/db/db.ts';
import type { ProjectTables } from './store.ts';

/** Whether any bundle that was ever applied has a file with this digest: a run of last year still finds its code. */
export async function isInBundle(db: Db, digest: string): Promise<boolean> {
  const query = db.read<ProjectTables>().selectFrom('projects_bundle').select('digest');
  const found = await db.scan(query.where('files', 'like', `%"${digest}"%`).limit(1));
  return found.length > 0;
}
