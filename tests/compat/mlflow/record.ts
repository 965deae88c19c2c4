/**
 * Records what the unmodified MLflow client says and what the server answers, as vectors for the test that replays them
 * without Python (packages/server/src/compat/mlflow/vectors.test.ts): `node tests/compat/mlflow/record.ts`.
 *
 * A proxy stands between the client and a fresh server. Ids and page tokens that the server made become `{{a1}}`, `{{a2}}`, ...
 * wherever they are said again, instants of its clock become `{{time}}`, and names that it made up `{{name}}`.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startTestServer } from '../../journeys/server.ts';
import { clientEnv, runProgram } from '../program.ts';
import { pythonEnv } from '../python-env.ts';
import { mlflowPackages } from './packages.ts';

const here = import.meta.dirname;
const root = join(here, '..', '..', '..');

/** File of vectors, and the cases of a script that make it. */
const sessions = [
  [
    'experiments',
    'tracking_client.py',
    ['set_experiment_creates_once', 'experiments_are_renamed_tagged_deleted_and_restored'],
  ],
  ['runs', 'tracking_client.py', ['a_run_with_everything', 'numbers_survive', 'datasets_are_inputs']],
  ['refusals', 'tracking_client.py', ['refusals_in_the_words_that_the_client_knows']],
  ['search', 'tracking_client.py', ['search_runs_in_every_way']],
  ['artifacts', 'tracking_client.py', ['artifacts_through_the_proxy']],
  [
    'models',
    'models_client.py',
    [
      'registered_aliased_and_loaded_by_alias',
      'an_onnx_model_logged_registered_and_scored',
      'models_and_versions_are_searched',
      'registry_changes',
    ],
  ],
  ['logged-models', 'models_client.py', ['a_scikit_learn_model_logged_and_loaded', 'logged_model_entity']],
] as const;

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly type: string | undefined;
  readonly request: Buffer;
  status: number;
  answer: Buffer;
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Forwards everything to `target` and keeps it, in the order in which requests came. */
async function startProxy(target: string, exchanges: Exchange[]) {
  const server = createServer((request, response) => {
    void (async () => {
      const exchange: Exchange = {
        method: request.method ?? 'GET',
        path: request.url ?? '/',
        type: request.headers['content-type'],
        request: await bytesOf(request),
        status: 0,
        answer: Buffer.alloc(0),
      };
      exchanges.push(exchange);
      const answer = await fetch(target + exchange.path, {
        method: exchange.method,
        headers: {
          ...(exchange.type === undefined ? {} : { 'content-type': exchange.type }),
          ...(request.headers.range === undefined ? {} : { range: request.headers.range }),
        },
        ...(exchange.request.length === 0 ? {} : { body: new Uint8Array(exchange.request) }),
      });
      exchange.status = answer.status;
      exchange.answer = Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
      response.end(exchange.answer);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

const idPattern = /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])|(?<!\d)\d{30,39}(?!\d)/g;
const madeUpName = /^[a-z]+-[a-z]+-\d{1,4}$/;
const firstInstant = 1_600_000_000_000;

/** Replaces what the server made up, in the order in which it was first said. */
class Placeholders {
  readonly #names = new Map<string, string>();
  #said = '';

  hearRequest(text: string): void {
    this.#said += `${text}\n`;
  }

  /** Learns from an answer. */
  hearAnswer(text: string, json: unknown): void {
    for (const [id] of text.matchAll(idPattern)) this.#learn(id);
    visit(json, (key, value) => {
      if (key === 'next_page_token' && typeof value === 'string' && value !== '') this.#learn(value);
    });
  }

  #learn(value: string): void {
    if (!this.#names.has(value) && !this.#said.includes(value)) this.#names.set(value, `{{a${this.#names.size + 1}}}`);
  }

  text(text: string): string {
    let replaced = text;
    for (const [value, name] of this.#names) {
      replaced = replaced.replaceAll(value, name).replaceAll(encodeURIComponent(value), name);
    }
    return replaced.replaceAll(root, '/project');
  }

  answer(value: unknown): unknown {
    if (typeof value === 'number') {
      return value > firstInstant && !this.#said.includes(String(value)) ? '{{time}}' : value;
    }
    if (typeof value === 'string')
      return madeUpName.test(value) && !this.#said.includes(value) ? '{{name}}' : this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.answer(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.answer(item)]));
  }
}

function visit(value: unknown, see: (key: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    see(key, item);
    visit(item, see);
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** Text where the bytes are UTF-8, else base64. */
function bodyOf(
  bytes: Buffer,
  text: (text: string) => string,
): { readonly text: string } | { readonly base64: string } {
  const decoded = bytes.toString('utf8');
  return Buffer.from(decoded, 'utf8').equals(bytes) ? { text: text(decoded) } : { base64: bytes.toString('base64') };
}

function vectorOf(exchange: Exchange, placeholders: Placeholders, earlier: readonly Exchange[]) {
  const { method, path, type, request, status, answer } = exchange;
  const isArtifact = path.includes('/mlflow-artifacts/artifacts/');
  const text = (value: string): string => placeholders.text(value);
  placeholders.hearRequest(decodeURIComponent(path));
  placeholders.hearRequest(request.toString('utf8'));
  const said = {
    method,
    path: text(path),
    ...(type === undefined ? {} : { type }),
    ...(request.length === 0 ? {} : { body: bodyOf(request, text) }),
  };
  const json = isArtifact && status === 200 ? undefined : parsed(answer.toString('utf8'));
  if (!isArtifact) placeholders.hearAnswer(answer.toString('utf8'), json);
  return { ...said, status, answer: answerOf(exchange, { earlier, json, placeholders }) };
}

/** What was uploaded before is not written down again: `{"of": index of the exchange}`. */
function answerOf(
  { answer }: Exchange,
  context: { readonly earlier: readonly Exchange[]; readonly json: unknown; readonly placeholders: Placeholders },
) {
  const { earlier, json, placeholders } = context;
  if (json !== undefined) return { json: placeholders.answer(json) };
  const upload = earlier.findIndex((e) => e.method === 'PUT' && e.request.equals(answer));
  return upload >= 0 ? { of: upload } : bodyOf(answer, (text) => placeholders.text(text));
}

async function record(python: string, [name, script, cases]: (typeof sessions)[number]): Promise<void> {
  const server = await startTestServer();
  const exchanges: Exchange[] = [];
  const proxy = await startProxy(server.url, exchanges);
  const folder = mkdtempSync(join(tmpdir(), 'recorded-'));
  try {
    const { output, errors } = await runProgram(python, [join(here, script), ...cases], {
      folder,
      env: {
        ...clientEnv(proxy.url),
        PYTHONPATH: dirname(here),
        LOGNAME: 'ada',
        // Without git no commit becomes part of the record.
        GIT_PYTHON_GIT_EXECUTABLE: join(folder, 'none'),
        GIT_PYTHON_REFRESH: 'quiet',
        // One upload or download after the other: the order is part of the record.
        MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_THREADS: '1',
        MLFLOW_ENABLE_MULTIPART_DOWNLOAD: 'false',
      },
    });
    assert.equal(output.match(/^PASS /gm)?.length, cases.length, `${name}: ${output.slice(-3000)}${errors}`);
  } finally {
    proxy.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const placeholders = new Placeholders();
  const vectors = exchanges.map((exchange, i) => vectorOf(exchange, placeholders, exchanges.slice(0, i)));
  const document = { recorded: mlflowPackages[0], script, cases, exchanges: vectors };
  mkdirSync(join(here, 'vectors'), { recursive: true });
  const lines = vectors.map((vector) => `  ${JSON.stringify(vector)}`);
  const head = JSON.stringify({ ...document, exchanges: [] }, undefined, 1).replace(/\[\]\n\}$/, '');
  writeFileSync(join(here, 'vectors', `${name}.json`), `${head}[\n${lines.join(',\n')}\n ]\n}\n`);
  console.log(`${name}: ${vectors.length} exchanges`);
}

const env = await pythonEnv('mlflow', mlflowPackages);
if (!env.ok) throw new Error(env.problem);
for (const session of sessions) await record(env.python, session);
