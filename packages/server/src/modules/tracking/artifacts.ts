/**
 * Files of runs and logged models: a table of paths over content-addressed objects. The owner is the id of the run or
 * the logged model; equal bytes are stored once however many runs log them.
 */
import type { Artifact, ModelFile } from '@slipway/contract';
import { ArtifactPath, SlipwayError } from '@slipway/contract';
import { sql } from 'kysely';
import type { Db } from '../../platform/db/db.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import { deleteArtifact, putArtifact } from './operations/artifacts.ts';
import { scan } from './read.ts';
import type { TrackingTables } from './tables.ts';

export interface ArtifactStore {
  put(owner: string, path: string, bytes: AsyncIterable<Uint8Array> | Uint8Array): Promise<Artifact>;
  /** Files and folders directly below the path; the file itself when the path is one. */
  list(owner: string, path: string): Promise<Artifact[]>;
  find(owner: string, path: string): Promise<ModelFile | undefined>;
  get(owner: string, path: string): Promise<ModelFile>;
  /** All files at or below the path; their paths are relative to it (a file's own name when the path is a file). */
  tree(owner: string, path: string): Promise<ModelFile[]>;
  /** Resolves to the number of files that went. */
  remove(owner: string, path: string, actor: string): Promise<number>;
  isReferenced(digest: string): Promise<boolean>;
}

function checkPath(path: string): string {
  const parsed = ArtifactPath.safeParse(path);
  if (parsed.success) return parsed.data;
  throw new SlipwayError('name_invalid', {
    value: path.slice(0, 200),
    noun: 'artifact',
    rule: 'use a relative path with forward slashes, without empty, "." or ".." parts',
  });
}

interface Row {
  readonly path: string;
  readonly digest: string;
  readonly size_bytes: number;
}

export function createArtifactStore(db: Db, objects: Objects): ArtifactStore {
  const below = (owner: string, path: string): Promise<Row[]> => {
    const prefix = path === '' ? '' : `${checkPath(path)}/`;
    return scan(
      db,
      sql<Row>`select path, digest, size_bytes from tracking_artifact
        where owner = ${owner} and substr(path, 1, ${sql.lit(prefix.length)}) = ${prefix} order by path`,
    );
  };
  const find: ArtifactStore['find'] = async (owner, path) => {
    const row = await db
      .read<TrackingTables>()
      .selectFrom('tracking_artifact')
      .select(['path', 'digest', 'size_bytes'])
      .where('owner', '=', owner)
      .where('path', '=', checkPath(path))
      .executeTakeFirst();
    return row && { path: row.path, digest: row.digest, sizeBytes: row.size_bytes };
  };
  return {
    find,
    put: async (owner, path, bytes) => {
      checkPath(path);
      const { digest, sizeBytes } = await objects.put(bytes);
      await db.write(putArtifact, { owner, path, digest, sizeBytes });
      return { path, isFolder: false, sizeBytes, digest };
    },
    list: async (owner, path) => {
      const offset = path === '' ? 0 : path.length + 1;
      const rows = await below(owner, path);
      const items = new Map<string, Artifact>();
      for (const row of rows) {
        const slash = row.path.indexOf('/', offset);
        const name = slash === -1 ? row.path : row.path.slice(0, slash);
        if (slash === -1) {
          items.set(name, { path: name, isFolder: false, sizeBytes: row.size_bytes, digest: row.digest });
        } else if (!items.has(name)) items.set(name, { path: name, isFolder: true });
      }
      return [...items.values()];
    },
    get: async (owner, path) => {
      const file = await find(owner, path);
      if (file) return file;
      throw new SlipwayError('not_found', {
        noun: `artifact of ${owner}`,
        name: path,
        remedy: 'List the artifacts to see what is there.',
      });
    },
    tree: async (owner, path) => {
      const file = path === '' ? undefined : await find(owner, path);
      if (file) return [{ ...file, path: path.slice(path.lastIndexOf('/') + 1) }];
      const offset = path === '' ? 0 : path.length + 1;
      const rows = await below(owner, path);
      return rows.map((row) => ({ path: row.path.slice(offset), digest: row.digest, sizeBytes: row.size_bytes }));
    },
    remove: (owner, path, actor) => db.write(deleteArtifact, { owner, path: checkPath(path), actor }),
    isReferenced: async (digest) => {
      const row = await db
        .read<TrackingTables>()
        .selectFrom('tracking_artifact')
        .select('digest')
        .where('digest', '=', digest)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}
