/** Endpoints that answer one of several classes, a number, and a number with its interval, over the penguins of examples/penguins. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from 'slipway';
import { fitTable } from '@slipway/train';
import type { TableColumn, TableTask } from '@slipway/train';

const csv = join(import.meta.dirname, '../../examples/penguins/data/penguins.csv');

interface Penguin {
  readonly species: string;
  readonly mass: number;
  readonly inputs: Readonly<Record<string, string | number | null>>;
}

const measures = ['bill_length_mm', 'bill_depth_mm', 'flipper_length_mm'] as const;

/** The file has them by species: every so many rows the next one, as they would come to be asked about. */
const stride = 97;

/** Those that were weighed. */
export function readPenguins(): readonly Penguin[] {
  const [head = '', ...lines] = readFileSync(csv, 'utf8').trim().split('\n');
  const names = head.split(',');
  return lines.flatMap((_, place) => {
    const line = lines[(place * stride) % lines.length] ?? '';
    const cells = new Map(line.split(',').map((cell, i) => [names[i] ?? '', cell]));
    const text = (name: string): string => cells.get(name) ?? '';
    const number = (name: string): number | null => (text(name) === '' ? null : Number(text(name)));
    const mass = number('body_mass_g');
    if (mass === null) return [];
    const numbers = measures.map((name) => [name, number(name)] as const);
    return [{ species: text('species'), mass, inputs: { island: text('island'), ...Object.fromEntries(numbers) } }];
  });
}

export interface Training {
  readonly task: TableTask;
  readonly of: (penguin: Penguin) => string | number;
  /** Every so many rows are learnt. */
  readonly every: number;
  readonly inputs?: readonly string[];
}

async function train({ task, of, every, inputs = ['island', ...measures] }: Training): Promise<Buffer> {
  const rows = readPenguins().filter((_, i) => i % every === 0);
  const columns = inputs.map((name): TableColumn => {
    const values = rows.map((row) => row.inputs[name] ?? null);
    return name === 'island'
      ? { name, kind: 'category', values: values.map(String) }
      : { name, kind: 'number', values: Float64Array.from(values, (v) => (v === null ? Number.NaN : Number(v))) };
  });
  const settings = { task, rounds: 60, earlyStoppingRounds: 'never', folds: 2, minRowsPerLeaf: 3 } as const;
  const { bytes } = await fitTable({ columns, target: rows.map(of) }, settings);
  return Buffer.from(bytes);
}

/** Registers versions of the model that has the endpoint's name, and deploys the first. */
export async function declarePenguins(client: Client, endpoint: string, trainings: readonly Training[]): Promise<void> {
  const resources = [
    { kind: 'model', name: endpoint, spec: {} },
    { kind: 'endpoint', name: endpoint, spec: { model: endpoint } },
  ];
  await client.projects.apply({ params: { project: endpoint }, body: { resources, bundle: [] } });
  for (const training of trainings) {
    const bytes = await train(training);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    await client.objects.put({ params: { digest }, body: bytes });
    await client.models.createVersion({ params: { model: endpoint }, body: { digest } });
  }
  await client.endpoints.deploy({
    params: { endpoint },
    body: { traffic: [{ version: 1, percent: 100 }], reason: 'the first' },
  });
}

const atOnce = 20;
const hourMs = 3_600_000;

/** Each penguin so many times, an hour apart, up to an instant, and with what was right where that is told. */
export async function askPenguins(
  client: Client,
  endpoint: string,
  how: { readonly times: number; readonly until: number; readonly labelOf?: (penguin: Penguin) => string | number },
): Promise<void> {
  const penguins = readPenguins();
  const all = Array.from({ length: Math.round(how.times * penguins.length) }, (_, i) => penguins[i % penguins.length]);
  const atOf = (i: number): number => how.until - (all.length - i) * hourMs;
  for (let start = 0; start < all.length; start += atOnce) {
    const some = all.slice(start, start + atOnce);
    const instances = some.map((penguin, i) => ({ inputs: { ...penguin?.inputs }, at: atOf(start + i) }));
    const { predictions } = await client.endpoints.predict({ params: { endpoint }, body: { instances } });
    const { labelOf } = how;
    if (labelOf === undefined) continue;
    const labels = predictions.map(({ id }, i) => {
      const penguin = some[i];
      return { predictionId: id, value: penguin === undefined ? 0 : labelOf(penguin), at: atOf(start + i) + hourMs };
    });
    await client.endpoints.label({ params: { endpoint }, body: { labels } });
  }
}
