/** One small prediction over HTTP: CPU per request beside a server that only parses and answers the same body. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { writeTreeEnsemble } from '@slipway/onnx';
import { predictTrees, trainTrees } from '@slipway/train';
import type { BenchContext, BenchEntry, BenchResult, BenchTable, Goal, Subject } from './entry.ts';
import { startServer } from './processes.ts';
import { treeOf } from './process-tree.ts';
import type { RunningServer } from './servers.ts';
import { startSlipway } from './servers.ts';

const workers = join(import.meta.dirname, 'workers');
const featureCount = 20;
const trainingRows = 4000;
const requestsPerBurst = 4000;
/** A sample is the cheapest of so many bursts, in which the servers take turns: a busy machine only ever adds to one. */
const burstsPerSample = 3;
/** Both servers are compiled after about as many, of each number of connections: a lone caller takes another path than many. */
const warmUpRequests = 20_000;
const differentBodies = 500;
const floorName = 'bare node:http';
const connectionCounts = [1, 4, 32];
/** Ratio of CPU per request to the bare server's, by connections. */
const ratioMax: Readonly<Record<number, number>> = { 1: 1.2, 32: 1 };

/** Numbers that look random and are the same in every run. */
function makeColumns(rows: number): Float64Array[] {
  return Array.from({ length: featureCount }, (_, k) =>
    Float64Array.from({ length: rows }, (__, row) => Math.sin(row * (k + 1) * 0.7 + k) * 10),
  );
}

async function call(
  url: string,
  method: string,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<Record<string, unknown>> {
  const headers =
    typeof body === 'string' ? { 'content-type': 'application/json' } : { 'content-type': 'application/octet-stream' };
  const response = await fetch(url, { method, body, headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text.slice(0, 1000)}`);
  // Slipway answers these calls with an object.
  return JSON.parse(text) as Record<string, unknown>;
}

/** Registers the model, declares an endpoint and gives it all traffic, through the public API. */
async function deploy(server: RunningServer, bytes: Uint8Array): Promise<void> {
  const run = await call(`${server.url}/api/runs`, 'POST', JSON.stringify({ experiment: 'bench' }));
  const file = `${server.url}/api/runs/${String(run['id'])}/artifacts/model.onnx`;
  await call(file, 'PUT', new Uint8Array(bytes));
  await call(
    `${server.url}/api/models/bench/versions`,
    'POST',
    JSON.stringify({ runId: run['id'], artifactPath: 'model.onnx' }),
  );
  const resources = [{ kind: 'endpoint', name: 'bench', spec: { model: 'bench' } }];
  await call(`${server.url}/api/projects/bench/apply`, 'POST', JSON.stringify({ resources, bundle: [] }));
  await call(
    `${server.url}/api/endpoints/bench/deployments`,
    'POST',
    JSON.stringify({ traffic: [{ version: 1, percent: 100 }], reason: 'benchmark' }),
  );
}

/** Nanoseconds that all threads of the process tree have run. */
async function cpuNs(pid: number): Promise<number> {
  let sum = 0;
  for (const process of await treeOf(pid)) {
    for (const thread of readdirSync(`/proc/${process}/task`)) {
      const [ran = 0] = readFileSync(`/proc/${process}/task/${thread}/schedstat`, 'utf8').split(' ').map(Number);
      sum += ran;
    }
  }
  return sum;
}

interface Load {
  readonly url: string;
  readonly authorization: string;
  readonly pid: number;
  readonly bodies: readonly string[];
}

interface Burst {
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function burst(load: Load, connections: number, requests = requestsPerBurst): Promise<Burst> {
  const child = spawn(process.execPath, [join(workers, 'load.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const before = await cpuNs(load.pid);
  const { url, bodies, authorization } = load;
  child.stdin.end(JSON.stringify({ url, connections, requests, bodies, authorization }));
  // The worker prints an object of numbers.
  const figures = (await json(child.stdout)) as Readonly<Record<string, number>>;
  if (figures['failures'] !== 0) throw new Error(`${figures['failures']} requests to ${load.url} failed`);
  const used = (await cpuNs(load.pid)) - before;
  return { cpuUs: used / 1000 / requests, p50Ms: figures['p50Ms'] ?? 0, p99Ms: figures['p99Ms'] ?? 0 };
}

function makeBodies(): { readonly v2: string[]; readonly own: string[] } {
  const columns = makeColumns(differentBodies).map((column) => column.map(Math.fround));
  const rows = Array.from({ length: differentBodies }, (_, row) =>
    columns.map((column) => Number((column[row] ?? 0).toFixed(4))),
  );
  const id = (row: number): string => createHash('sha256').update(String(row)).digest('hex').slice(0, 16);
  return {
    v2: rows.map((data, row) =>
      JSON.stringify({ id: id(row), inputs: [{ name: 'features', shape: [1, featureCount], datatype: 'FP32', data }] }),
    ),
    own: rows.map((data, row) => {
      const inputs = Object.fromEntries(data.map((value, k) => [`feature_${k}`, value]));
      return JSON.stringify({ instances: [{ id: id(row), inputs }] });
    }),
  };
}

/** One answer must be the trainer's own before anything is timed. */
async function checkAnswer(url: string, body: string, expected: number): Promise<void> {
  const answer = JSON.stringify(await call(url, 'POST', body));
  const numbers = [...answer.matchAll(/-?\d+\.\d+(?:e-?\d+)?/g)].map(([text]) => Number(text));
  if (!numbers.some((value) => Math.abs(value - expected) < 1e-6)) {
    throw new Error(`${url} answered ${answer.slice(0, 500)}, which lacks the score ${expected}`);
  }
}

/** A way to ask for a prediction, against Slipway and against the bare server with the same bodies. */
interface Form {
  readonly title: string;
  readonly slipway: Load;
  readonly floor: Load;
}

interface FormSamples {
  readonly slipway: Burst[];
  readonly floor: Burst[];
}

function tablesOf(form: Form, samples: ReadonlyMap<number, FormSamples>): BenchTable[] {
  const subjects = (key: keyof Burst, connections: number): Subject[] => {
    const { slipway = [], floor = [] } = samples.get(connections) ?? {};
    return [
      { name: 'Slipway', samples: slipway.map((sample) => sample[key]) },
      { name: floorName, samples: floor.map((sample) => sample[key]) },
    ];
  };
  const goals = (connections: number): Goal[] => {
    const atMost = ratioMax[connections];
    return atMost === undefined ? [] : [{ against: floorName, atMost }];
  };
  return [
    ...connectionCounts.map((connections) => ({
      title: `${form.title}, ${connections} connection${connections > 1 ? 's' : ''}`,
      unit: 'CPU µs per request, all threads (less is better)',
      subjects: subjects('cpuUs', connections),
      goals: goals(connections),
    })),
    { title: `${form.title}, 32 connections`, unit: 'p99 ms, closed loop', subjects: subjects('p99Ms', 32), goals: [] },
  ];
}

async function measureForm(form: Form, rounds: number): Promise<ReadonlyMap<number, FormSamples>> {
  const samples = new Map<number, FormSamples>(connectionCounts.map((n) => [n, { slipway: [], floor: [] }]));
  for (const side of [form.slipway, form.floor])
    for (const connections of connectionCounts) await burst(side, connections, warmUpRequests);
  for (let round = 0; round < rounds; round++) {
    for (const [connections, { slipway, floor }] of samples) {
      const bursts: FormSamples = { slipway: [], floor: [] };
      for (let i = 0; i < burstsPerSample; i++) {
        const inOrder = (round + i) % 2 === 0 ? (['slipway', 'floor'] as const) : (['floor', 'slipway'] as const);
        for (const side of inOrder) bursts[side].push(await burst(form[side], connections));
      }
      slipway.push(cheapest(bursts.slipway));
      floor.push(cheapest(bursts.floor));
    }
  }
  return samples;
}

function cheapest(bursts: readonly Burst[]): Burst {
  const lowest = (key: keyof Burst): number => Math.min(...bursts.map((one) => one[key]));
  return { cpuUs: lowest('cpuUs'), p50Ms: lowest('p50Ms'), p99Ms: lowest('p99Ms') };
}

async function run({ rounds, say }: BenchContext): Promise<BenchResult> {
  await using stack = new AsyncDisposableStack();
  const slipway = stack.use(await startSlipway());
  const floor = stack.use(
    await startServer({ file: process.execPath, args: [join(workers, 'floor-server.ts')] }, /at (http:\S+)/, 10_000),
  );
  const { bytes, expected, bodies } = prepare();
  await deploy(slipway, bytes);
  const token = await call(`${slipway.url}/api/tokens`, 'POST', JSON.stringify({ name: 'bench', role: 'predictor' }));
  const authorization = `Bearer ${String(token['secret'])}`;
  const formOf = (title: string, path: string, own: readonly string[]): Form => ({
    title,
    slipway: { url: slipway.url + path, pid: slipway.pid, bodies: own, authorization },
    floor: { url: `${floor.found[1]}${path}`, pid: floor.child.pid ?? 0, bodies: own, authorization },
  });
  const forms = [
    formOf('Open Inference V2', '/v2/models/bench/infer', bodies.v2),
    formOf('Own API', '/api/endpoints/bench/predict', bodies.own),
  ];
  const tables: BenchTable[] = [];
  for (const form of forms) {
    say(form.title);
    await checkAnswer(form.slipway.url, form.slipway.bodies[0] ?? '', expected);
    tables.push(...tablesOf(form, await measureForm(form, rounds)));
  }
  return {
    tables,
    notRun: [],
    notes: [
      `One row of ${featureCount} numbers per request, ${differentBodies} different bodies, 100 trees of 31 leaves; bursts of ${requestsPerBurst} requests take turns, and a sample is the cheapest of ${burstsPerSample}. With Slipway: signature check, routing, authorisation by token, log before the answer, metrics. The bare server gets the same requests, answers bodies of the same form, and checks nothing.`,
      'One answer of each form was compared with the trainer before timing. Closed loop: latencies say how the server queues, not what a caller at a fixed rate would see.',
    ],
  };
}

function prepare(): { bytes: Uint8Array; expected: number; bodies: ReturnType<typeof makeBodies> } {
  const bodies = makeBodies();
  const columns = makeColumns(trainingRows);
  const labels = Array.from(columns[0] ?? [], (x, row) => (x + (columns[1]?.[row] ?? 0) > 2 ? 1 : 0));
  const featureNames = columns.map((_, k) => `feature_${k}`);
  const settings = { objective: 'binary', rounds: 100, leaves: 31, minRowsPerLeaf: 10 } as const;
  const { ensemble } = trainTrees({ featureNames, columns, labels }, settings);
  // The bodies are those of this function's own making.
  const first = JSON.parse(bodies.v2[0] ?? '') as { readonly inputs: readonly [{ readonly data: readonly number[] }] };
  const [margin = 0] = predictTrees(
    ensemble,
    first.inputs[0].data.map((value) => Float64Array.of(value)),
  );
  return { bytes: writeTreeEnsemble(ensemble), expected: 1 / (1 + Math.exp(-margin)), bodies };
}

export const predict: BenchEntry = {
  name: 'predict',
  question: 'What does one small prediction cost over HTTP, beside a server that only parses and answers?',
  run,
};
