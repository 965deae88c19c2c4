import { SlipwayError } from '@slipway/contract';
import { operation } from '../../../platform/db/db.ts';
import type { TrackingTables } from '../tables.ts';

/** Binds a path to stored bytes. The last write of a path wins; a file cannot stand where a folder is. */
export const putArtifact = operation(
  'tracking.put-artifact',
  async (trx, input: { owner: string; path: string; digest: string; sizeBytes: number }) => {
    const tables = trx.tables<TrackingTables>();
    const parts = input.path.split('/');
    const parents = parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'));
    if (parents.length > 0) {
      const file = await tables
        .selectFrom('tracking_artifact')
        .select('path')
        .where('owner', '=', input.owner)
        .where('path', 'in', parents)
        .executeTakeFirst();
      if (file) {
        throw new SlipwayError('conflict', {
          problem: `"${file.path}" is a file of ${input.owner}, so nothing can be stored below it as "${input.path}". Use another path.`,
        });
      }
    }
    await tables
      .insertInto('tracking_artifact')
      .values({
        owner: input.owner,
        path: input.path,
        digest: input.digest,
        size_bytes: input.sizeBytes,
        created_at: trx.now,
      })
      .onConflict((c) =>
        c.columns(['owner', 'path']).doUpdateSet({
          digest: input.digest,
          size_bytes: input.sizeBytes,
          created_at: trx.now,
        }),
      )
      .execute();
  },
);

/** Removes a file, or a folder with all below it. Resolves to the number of files. */
export const deleteArtifact = operation(
  'tracking.delete-artifact',
  async (trx, input: { owner: string; path: string; actor: string }): Promise<number> => {
    const prefix = `${input.path}/`;
    const gone = await trx
      .tables<TrackingTables>()
      .deleteFrom('tracking_artifact')
      .where('owner', '=', input.owner)
      .where((e) =>
        e.or([e('path', '=', input.path), e(e.fn('substr', ['path', e.lit(1), e.val(prefix.length)]), '=', prefix)]),
      )
      .returning('path')
      .execute();
    if (gone.length > 0) {
      await trx.emit({
        kind: 'artifact.deleted',
        actor: input.actor,
        subject: input.owner,
        body: { path: input.path, files: gone.length },
      });
    }
    return gone.length;
  },
);
