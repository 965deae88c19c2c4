import type { SavedView } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import { decodePageToken, encodePageToken, fingerprintOf } from '../../lib/page-token.ts';
import type { Page } from '../../lib/page.ts';
import type { Db } from '../../platform/db/db.ts';
import { retryUnique } from '../../platform/db/failure.ts';
import type { Ids } from '../../platform/ids.ts';
import type { ViewChange } from './operations/views.ts';
import { createView, deleteView, restoreView, updateView } from './operations/views.ts';
import type { TrackingTables } from './tables.ts';

export interface ViewStore {
  list(query: { readonly limit: number; readonly pageToken?: string | undefined }): Promise<Page<SavedView>>;
  create(view: { readonly name: string; readonly query: string; readonly actor: string }): Promise<SavedView>;
  update(change: ViewChange): Promise<SavedView>;
  delete(uid: string, actor: string): Promise<void>;
  restore(uid: string, actor: string): Promise<SavedView>;
}

const savedView = (row: Omit<TrackingTables['tracking_view'], 'id'>): SavedView => ({
  id: row.uid,
  name: row.name,
  query: row.query,
  author: row.author,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export function createViewStore(db: Db, ids: Ids): ViewStore {
  const views = () => db.read<TrackingTables>().selectFrom('tracking_view').where('deleted_at', 'is', null);
  const get = async (uid: string): Promise<SavedView> => {
    const row = await views().selectAll().where('uid', '=', uid).executeTakeFirst();
    if (row !== undefined) return savedView(row);
    throw new SlipwayError('not_found', { noun: 'saved view', name: uid, remedy: 'GET /api/views lists them.' });
  };
  return {
    list: async ({ limit, pageToken }) => {
      const fingerprint = fingerprintOf(['views']);
      const [before] = pageToken === undefined ? [Number.MAX_SAFE_INTEGER] : decodePageToken(pageToken, fingerprint, 1);
      const rows = await db.scan(
        views()
          .selectAll()
          .where('id', '<', Number(before))
          .orderBy('id', 'desc')
          .limit(limit + 1),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        items: page.map(savedView),
        ...(rows.length > limit && last !== undefined
          ? { nextPageToken: encodePageToken(fingerprint, [last.id]) }
          : {}),
      };
    },
    create: async (view) => {
      const uid = ids.next('view');
      await retryUnique(() => db.write(createView, { uid, ...view }));
      return get(uid);
    },
    update: async (change) => {
      await retryUnique(() => db.write(updateView, change));
      return get(change.uid);
    },
    delete: (uid, actor) => db.write(deleteView, { uid, actor }),
    restore: async (uid, actor) => {
      await retryUnique(() => db.write(restoreView, { uid, actor }));
      return get(uid);
    },
  };
}
