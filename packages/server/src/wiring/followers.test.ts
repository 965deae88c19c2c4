/** What came of bytes: over a real server, from a file to the model version that was trained on it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Consequence } from '@slipway/contract';
import { createClient, SlipwayError } from 'slipway';
import { readConfig } from '../config.ts';
import { startServer } from '../main.ts';

const titles = ({ title, ledTo }: Consequence): string =>
  `${title}${ledTo.length === 0 ? '' : `(${ledTo.map(titles).join(' | ')})`}`;

test('bytes lead to the versions with them, and those to what was trained on them', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-followers-'));
  const server = await startServer(readConfig({ dir, port: 0, logLevel: 'error' }, {}));
  t.after(async () => {
    await server.stop(1000);
    rmSync(dir, { recursive: true, force: true });
  });
  const client = createClient({ url: server.url, retries: 0 });
  await client.datasets.create({ body: { name: 'flights' } });
  const put = (file: string, text: string): ReturnType<typeof client.datasets.putFile> =>
    client.datasets.putFile({ params: { dataset: 'flights', file }, body: new TextEncoder().encode(text) });
  const first = await put('a.csv', 'a,b\n1,2\n');
  const second = await put('b.csv', 'a,b\n3,4\n');
  const [a, b] = second.version.files.map((f) => f.digest);
  assert(a !== undefined && b !== undefined);
  const { digest } = first.version;
  await client.models.createVersion({
    params: { model: 'delay' },
    body: { digest: a, fileName: 'a.csv', lineage: { datasetVersions: [{ dataset: 'flights', number: 1, digest }] } },
  });
  const versions = Array.from({ length: 400 }, () => ({ dataset: 'flights', number: 1, digest }));
  await assert.rejects(
    client.models.createVersion({
      params: { model: 'delay' },
      body: { digest: a, fileName: 'a.csv', lineage: { datasetVersions: versions } },
    }),
    { code: 'request_invalid', message: /lineage.*at most 32768 bytes/ },
  );
  const onward = async (kind: 'file' | 'dataset-version' | 'version', id: string): Promise<string> =>
    titles(await client.why.onward({ params: { kind, id } }));

  assert.equal(
    await onward('file', a),
    'file a.csv(dataset flights, version 2 | dataset flights, version 1(model delay, version 1))',
  );
  assert.equal(await onward('file', b), 'file b.csv(dataset flights, version 2)');
  assert.equal(await onward('dataset-version', 'flights@1'), 'dataset flights, version 1(model delay, version 1)');
  assert.equal(await onward('version', 'delay/1'), 'model delay, version 1');
  await assert.rejects(onward('file', `sha256:${'0'.repeat(64)}`), (error: unknown) => {
    return error instanceof SlipwayError && error.code === 'not_found';
  });
});
