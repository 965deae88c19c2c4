/** The door of the data module: datasets, versions, schema, profile. */
import type { DatasetReaders, DatasetVersion } from '@slipway/contract';
import { dataRoutes } from '@slipway/contract';
import type { Binding } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Data } from './service.ts';

export type { RowPage, RowSource, RowsRequest } from './rows.ts';
export type { Data, DataDeps, ResolvedDataset } from './service.ts';
export { createData } from './service.ts';
export { dataStore, datasetKind } from './store.ts';

const contentTypes: Readonly<Record<string, string>> = {
  parquet: 'application/vnd.apache.parquet',
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  jsonl: 'application/x-ndjson',
};

/** Who read a version is known to the modules that read it. */
export type FindReaders = (version: DatasetVersion) => Promise<Omit<DatasetReaders, 'dataset' | 'version'>>;

export function dataBinding(data: Data, findReaders: FindReaders): Binding {
  return bind(dataRoutes, {
    'datasets.list': ({ query }) => data.list(query),
    'datasets.create': ({ body }, { actor }) => data.create({ ...body, actor }),
    'datasets.get': ({ params }) => data.get(params.dataset),
    'datasets.putFile': ({ params, body }, { actor }) => data.putFile({ ...params, bytes: body, actor }),
    'datasets.removeFile': ({ params }, { actor }) => data.removeFile({ ...params, actor }),
    'datasets.versions': ({ params, query }) => data.versions(params.dataset, query),
    'datasets.version': ({ params }) => data.version(params.dataset, params.version),
    'datasets.profile': ({ params, query }) => data.profile(params.dataset, params.version, query.against),
    'datasets.rows': ({ params, query }) => data.rows(params.dataset, params.version, query),
    'datasets.usedBy': async ({ params }) => {
      const version = await data.version(params.dataset, params.version);
      return { dataset: version.dataset, version: version.number, ...(await findReaders(version)) };
    },
    'datasets.file': async ({ params }) => {
      const { file, bytes } = await data.openFile(params.dataset, params.version, params.file);
      const type = contentTypes[file.name.slice(file.name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
      return new Stream(bytes, {
        'content-type': type,
        'content-length': String(file.sizeBytes),
        etag: `"${file.digest}"`,
      });
    },
    'datasets.diff': ({ params, query }) => data.diff(params.dataset, query.from, query.to),
  });
}
