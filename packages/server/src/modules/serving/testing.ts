/** Endpoints over a real database, real models and real prediction logs, for tests: servers can be started and killed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EndpointSpec, ModelVersion } from '@slipway/contract';
import { EndpointSpec as EndpointSpecSchema, SlipwayError } from '@slipway/contract';
import { writeLinearModel } from '@slipway/onnx';
import type { Clock } from '../../platform/clock.ts';
import type { Db, StoreModule } from '../../platform/db/db.ts';
import { operation } from '../../platform/db/db.ts';
import type { OpenTestDb } from '../../platform/db/testing.ts';
import { openTestDb, testLog } from '../../platform/db/testing.ts';
import type { Ids } from '../../platform/ids.ts';
import { createIds } from '../../platform/ids.ts';
import type { Serving } from './index.ts';
import { createServing } from './index.ts';
import { createServingOperations, endpointKind, servingStore } from './store.ts';

/** A clock that stands still until it is moved; timers fire when it passes them. */
export interface TestClock extends Clock {
  advance(ms: number): void;
  /** Drops the timers of a killed process. */
  forget(): void;
}

export function createTestClock(startMs: number): TestClock {
  let now = startMs;
  let timers: { readonly at: number; readonly callback: () => void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    // The database waits between tries: really, whatever the time.
    sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
    after: (delayMs, callback) => {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((t) => t !== timer);
      };
    },
    forget: () => {
      timers = [];
    },
    advance: (ms) => {
      now += ms;
      const due = timers.filter((t) => t.at <= now);
      timers = timers.filter((t) => t.at > now);
      for (const timer of due) timer.callback();
    },
  };
}

/** A logistic regression over inputs `x0`, `x1`, ...: the score is `1 / (1 + exp(-(intercept + sum of coefficient * x)))`. */
export function logisticModel(coefficients: readonly number[], intercept = 0): Uint8Array {
  const zeros = new Float64Array(coefficients.length);
  return writeLinearModel({
    kind: 'linear',
    featureNames: coefficients.map((_, i) => `x${i}`),
    coefficients: Float64Array.from(coefficients),
    intercept,
    link: 'logistic',
    imputed: zeros,
    mean: zeros,
    scale: new Float64Array(coefficients.length).fill(1),
    classLabels: [0, 1],
  });
}

/** The first hundred predictions of an endpoint, the earliest first. */
export const firstPredictions = {
  clock: 'event',
  order: 'oldest',
  from: 0,
  to: Number.MAX_SAFE_INTEGER,
  filter: {},
  limit: 100,
} as const;

export interface ServingBench extends AsyncDisposable {
  readonly db: Db;
  readonly ids: Ids;
  readonly clock: TestClock;
  /** Of the prediction logs. */
  readonly folder: string;
  /** `model@alias` moves that promotions made, as versions. */
  readonly promoted: readonly number[];
  /** Starts a server over the same database and folder. */
  start(): Promise<Serving>;
  /** What happens to wishes for the alias: while `isAsked`, promotions wait for request `apr_1`. */
  readonly approval: { isAsked: boolean; readonly withdrawn: string[] };
  /** Takes all versions out of the registry, or puts them back. */
  loseModels(isLost: boolean): void;
  /** As if the process of the last server were killed: nothing that it has not written yet is ever written. */
  kill(): void;
  declare(name: string, spec?: Partial<EndpointSpec>): Promise<void>;
  retire(name: string): Promise<void>;
}

/** Of the request for approval. */
export const lapsesAfterMs = 7 * 86_400_000;
const startMs = Date.UTC(2026, 0, 5);
const declareEndpoint = operation(
  'test.declare-endpoint',
  async (trx, input: { name: string; spec: EndpointSpec }): Promise<void> =>
    endpointKind.apply(trx, { ...input, project: 'test', digest: 'sha256:0', actor: 'owner' }),
);

const retireEndpoint = operation('test.retire-endpoint', async (trx, name: string): Promise<void> =>
  endpointKind.remove(trx, { name, project: 'test', actor: 'owner' }),
);

/** `models[0]` is version 1 of model `m`, and so on. Ids are the same in every run. */
export async function openServingBench(options: {
  readonly models: readonly Uint8Array[];
  readonly open?: OpenTestDb;
  /** Stores beside serving's. */
  readonly modules?: readonly StoreModule[];
}): Promise<ServingBench> {
  const clock = createTestClock(startMs);
  let drawn = 0;
  const ids = createIds(clock, (bytes) => {
    drawn++;
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(drawn * 16 + i + 1, 0x9e3779b1) >>> 24;
  });
  const promoted: number[] = [];
  const approval = { isAsked: false, withdrawn: new Array<string>() };
  const operations = createServingOperations({
    setAlias: async (trx, input) => {
      if (approval.isAsked) return { state: 'waiting', approval: 'apr_1', lapsesAt: trx.now + lapsesAfterMs };
      promoted.push(input.version);
      return { state: 'moved' };
    },
    withdrawApproval: async (_trx, input) => void approval.withdrawn.push(input.why),
  });
  const { db, close } = await (options.open ?? openTestDb)({
    modules: [servingStore(operations), ...(options.modules ?? [])],
    operations: [declareEndpoint, retireEndpoint],
    clock,
  });
  const folder = mkdtempSync(join(tmpdir(), 'slipway-serving-'));
  let known = options.models.length;
  let running: { readonly serving: Serving; isDead: boolean } | undefined;
  return {
    db,
    ids,
    clock,
    folder,
    promoted,
    approval,
    declare: (name, spec) =>
      db.write(declareEndpoint, { name, spec: EndpointSpecSchema.parse({ model: 'm', ...spec }) }),
    retire: (name) => db.write(retireEndpoint, name),
    loseModels: (isLost) => {
      known = isLost ? 0 : options.models.length;
    },
    kill: () => {
      if (running) running.isDead = true;
      running = undefined;
      clock.forget();
    },
    start: async () => {
      const process = { isDead: false };
      const serving = createServing({
        db: { ...db, write: (op, input) => (process.isDead ? new Promise(() => undefined) : db.write(op, input)) },
        clock,
        ids,
        log: testLog(),
        features: {
          reader: (set) => {
            throw new SlipwayError('not_found', { noun: 'feature set', name: set, remedy: '' });
          },
        },
        registry: {
          getVersion: async (model, version) => versionOf(model, Number(version), known),
          readFile: async (digest) => options.models[Number(digest.slice('sha256:'.length)) - 1] ?? new Uint8Array(),
        },
        operations,
        folder,
      });
      running = Object.assign(process, { serving });
      await serving.start();
      return serving;
    },
    [Symbol.asyncDispose]: async () => {
      await running?.serving.stop();
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function versionOf(model: string, number: number, count: number): ModelVersion {
  if (!(number >= 1 && number <= count)) {
    throw new SlipwayError('not_found', { noun: 'model version', name: `${model}/${number}`, remedy: '' });
  }
  const digest = `sha256:${number}`;
  const file = { path: 'model.onnx', digest, sizeBytes: 0 };
  return {
    id: `mdv_${number}`,
    model,
    number,
    status: 'ready',
    artifactDigest: digest,
    files: [file],
    onnx: file,
    flavor: 'onnx',
    lineage: {},
    aliases: [],
    tags: {},
    stage: 'None',
    createdAt: startMs,
    updatedAt: startMs,
    createdBy: 'owner',
  };
}
