/** A project taken along: everything of it that a server has, as plain files. */
import { createHash } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline as pipe } from 'node:stream/promises';
import type { LedgerRow, ModelVersion, ProjectManifest, Run } from '@slipway/contract';
import { canonicalJson } from '@slipway/contract';
import type { Command } from 'commander';
import { nameOf, usage } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import { bytes, count } from '../output.ts';

const pageLimit = 200;
const eventsLimit = 1000;
const longTimeoutMs = 3_600_000;

export function register(program: Command): void {
  program
    .command('export')
    .description(
      'Write everything of a project into a new folder: its files, models with cards, data manifests, metrics, events',
    )
    .argument('<project>', '', nameOf('project'))
    .argument('<folder>', 'new, or empty')
    .addHelpText(
      'after',
      '\nExample:\n  slipway export penguins ./penguins-export\nThe folder stands there whole or not at all. It has\n  project/            the applied files, to be applied anywhere: `slipway apply --project …/project`\n  project.json        every declaration, and the commit\n  models/NAME/N/      the files of a version (ONNX, MLmodel), card.md, version.json with gate and lineage, run.json with metrics\n  datasets/NAME.json  every version: digest, row count, columns, files with their digests; `slipway data get` brings the rows\n  ledger.ndjson       the events about these things\n',
    )
    .action(
      action(async (session, project: string, folder: string) => {
        session.leaves('nothing was written');
        const target = resolve(folder);
        await mustBeEmpty(folder, target);
        const manifest = await session.client.projects.manifest({ params: { project } });
        const { resources, bundle } = manifest;
        await mkdir(dirname(target), { recursive: true });
        const part = `${target}.part-${process.pid}`;
        await mkdir(part);
        const remove = (): void => rmSync(part, { recursive: true, force: true });
        // Ctrl-C ends the process without unwinding.
        process.once('exit', remove);
        try {
          const writer = createWriter(session, part);
          await writeProject(session, { project, manifest }, writer);
          const named = (kind: string): string[] => resources.filter((r) => r.kind === kind).map((r) => r.name);
          let versions = 0;
          for (const model of named('model')) versions += await writeModel(session, model, writer);
          for (const dataset of named('dataset')) await writeDataset(session, dataset, writer);
          const events = await writeEvents(session, { project, resources }, writer);
          session.output.endProgress();
          await rename(part, target);
          const { files, sizeBytes } = writer.written();
          const done = { path: folder, files, sizeBytes, bundleFiles: bundle.length, modelVersions: versions, events };
          session.output.result(
            done,
            () =>
              `${folder}: ${count(files, 'file')}, ${bytes(sizeBytes)}; ${count(bundle.length, 'project file')}, ${count(versions, 'model version')}, ${count(events, 'event')}`,
          );
        } finally {
          remove();
          process.off('exit', remove);
        }
      }),
    );
}

async function mustBeEmpty(folder: string, target: string): Promise<void> {
  const inside = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw usage(`${folder} is a file: name a folder that is new or empty`);
    throw error;
  });
  if (inside.length > 0)
    throw usage(
      `${folder} holds ${count(inside.length, 'entry').replace(/ys$/, 'ies')}: name a folder that is new or empty`,
    );
}

interface Writer {
  /** JSON or text. */
  text(path: string, content: string): Promise<void>;
  /** Bytes that must have this digest. */
  bytes(path: string, digest: string, source: AsyncIterable<Uint8Array>): Promise<void>;
  lines(path: string, source: AsyncIterable<string>): Promise<void>;
  written(): { readonly files: number; readonly sizeBytes: number };
}

function createWriter({ output }: Pick<Session, 'output'>, root: string): Writer {
  let files = 0;
  let sizeBytes = 0;
  const place = async (path: string): Promise<string> => {
    const full = resolve(root, path);
    // Names come from the server, and nothing is written outside of the folder.
    if (!full.startsWith(root + sep)) throw new CommandFailure('failed', `"${path}" leads out of the folder`);
    await mkdir(dirname(full), { recursive: true });
    output.progress(`${count(++files, 'file')}, ${bytes(sizeBytes)}: ${path}`);
    return full;
  };
  return {
    text: async (path, content) => {
      await writeFile(await place(path), content, { flag: 'wx' });
      sizeBytes += Buffer.byteLength(content);
    },
    bytes: async (path, digest, source) => {
      const hash = createHash('sha256');
      const full = await place(path);
      const hashed = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of source) {
          hash.update(chunk);
          sizeBytes += chunk.length;
          yield chunk;
        }
      };
      await pipe(Readable.from(hashed()), createWriteStream(full, { flags: 'wx' }));
      const found = `sha256:${hash.digest('hex')}`;
      if (found !== digest)
        throw new CommandFailure(
          'failed',
          `${path} came with digest ${found}, and the server has it as ${digest}: try again`,
        );
    },
    lines: async (path, source) => {
      const sink = createWriteStream(await place(path), { flags: 'wx' });
      await pipe(Readable.from(source), sink);
      sizeBytes += sink.bytesWritten;
    },
    written: () => ({ files, sizeBytes }),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

async function writeProject(
  { client }: Session,
  { project, manifest }: { readonly project: string; readonly manifest: ProjectManifest },
  writer: Writer,
): Promise<void> {
  const facts = await client.projects.get({ params: { project } });
  await writer.text('project.json', json({ ...facts, ...manifest }));
  for (const { path, digest } of manifest.bundle) {
    const source = await client.objects.get({ params: { digest } }, { timeoutMs: longTimeoutMs });
    await writer.bytes(join('project', path), digest, source);
  }
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken?: string | undefined;
}

async function* everyItem<T>(
  ask: (query: { limit: number; pageToken?: string }) => Promise<Page<T>>,
): AsyncGenerator<T> {
  let pageToken: string | undefined;
  do {
    const page = await ask({ limit: pageLimit, ...(pageToken === undefined ? {} : { pageToken }) });
    yield* page.items;
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
}

async function writeModel(session: Session, model: string, writer: Writer): Promise<number> {
  const { client } = session;
  const folder = join('models', model);
  await writer.text(join(folder, 'model.json'), json(await client.models.get({ params: { model } })));
  let versions = 0;
  for await (const version of everyItem((query) => client.models.versions({ params: { model }, query }))) {
    await writeVersion(session, version, { writer, folder: join(folder, String(version.number)) });
    versions++;
  }
  return versions;
}

async function writeVersion(
  { client }: Session,
  version: ModelVersion,
  { writer, folder }: { readonly writer: Writer; readonly folder: string },
): Promise<void> {
  const params = { model: version.model, version: String(version.number) };
  await writer.text(join(folder, 'version.json'), json(version));
  await writer.text(join(folder, 'card.md'), await client.models.cardText({ params }));
  if (version.runId !== undefined)
    await writer.text(join(folder, 'run.json'), json(await wholeRun(client, version.runId)));
  for (const { path, digest } of version.files) {
    const source = await client.models.getFile({ params: { ...params, path } }, { timeoutMs: longTimeoutMs });
    await writer.bytes(join(folder, 'files', path), digest, source);
  }
}

/** A run comes with its first metrics only. */
async function wholeRun(client: Session['client'], id: string): Promise<Omit<Run, 'metricCount'>> {
  const params = { run: id };
  const { metricCount, ...run } = await client.runs.get({ params });
  if (metricCount === undefined) return run;
  const metrics = [];
  for await (const metric of everyItem((query) => client.runs.metrics({ params, query }))) metrics.push(metric);
  return { ...run, metrics };
}

async function writeDataset({ client }: Session, dataset: string, writer: Writer): Promise<void> {
  const params = { dataset };
  const versions = [];
  for await (const { number } of everyItem((query) => client.datasets.versions({ params, query })))
    versions.push(await client.datasets.version({ params: { dataset, version: String(number) } }));
  await writer.text(
    join('datasets', `${dataset}.json`),
    json({ ...(await client.datasets.get({ params })), versions }),
  );
}

interface Scope {
  readonly project: string;
  readonly resources: readonly { readonly kind: string; readonly name: string }[];
}

/** Events whose subject is a declared thing, or whose body names one in the member of its kind. */
function concerns({ project, resources }: Scope): (event: LedgerRow) => boolean {
  const declared = new Set([`project:${project}`, ...resources.map(({ kind, name }) => `${kind}:${name}`)]);
  return ({ subject, body }) =>
    declared.has(subject) ||
    Object.entries(body).some(([kind, name]) => typeof name === 'string' && declared.has(`${kind}:${name}`));
}

async function writeEvents({ client, signal }: Session, scope: Scope, writer: Writer): Promise<number> {
  const isWanted = concerns(scope);
  let found = 0;
  async function* lines(): AsyncGenerator<string> {
    let after = 0;
    for (;;) {
      const { items } = await client.ledger.list({ query: { after, limit: eventsLimit } }, { signal });
      for (const event of items.filter(isWanted)) {
        found++;
        yield `${canonicalJson(event)}\n`;
      }
      after = items.at(-1)?.seq ?? after;
      if (items.length < eventsLimit) return;
    }
  }
  await writer.lines('ledger.ndjson', lines());
  return found;
}
