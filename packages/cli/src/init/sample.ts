/**
 * A few rows to test with, none of them anybody's: values of each column are mixed on their own, and what names a row or is
 * prose is made up. Enough of each class that some can be held out.
 */
import { sqlName } from '@slipway/server/analytics';
import { csvValue } from './csv-text.ts';
import type { Findings } from './findings.ts';
import type { Scratch } from './scratch.ts';

const rowsMax = 300;
const classRows = 30;
const proseWords = 3;
/** Rows of one entity. */
const entityRows = 6;

export async function mixedSample(scratch: Scratch, findings: Findings): Promise<string> {
  const { columns, target, task, rowCount } = findings;
  const name = sqlName(target);
  const share = Math.min(1, rowsMax / Math.max(1, rowCount - findings.rowsWithoutTarget));
  const place = task === 'regression' ? '' : ` partition by ${name}`;
  const limit =
    task === 'regression'
      ? String(rowsMax)
      : `greatest(${classRows}, ceil(count(*) over (partition by ${name}) * ${share}))`;
  const texts = columns.map((column) => `${sqlName(column.name)}::varchar as ${sqlName(column.name)}`);
  const rows = await scratch.rows(
    `select ${texts.join(', ')} from (select * from sample qualify row_number() over (${place} order by hash(rowid, 3)) <= ${limit})`,
  );
  const random = mulberry(rows.length);
  const entity = findings.history?.plan?.entity.column;
  const mixed = columns.map((column) => {
    if (column.name === entity) return entities(rows.length, column.kind);
    const isMadeUp =
      (column.kind === 'text' && (column.role === 'left-out' || column.words > proseWords)) ||
      (column.reason ?? '').includes('names the row');
    return isMadeUp
      ? madeUp(
          rows.map((row) => row[column.name]),
          column.kind,
        )
      : shuffled(
          rows.map((row) => row[column.name]),
          random,
        );
  });
  const lines = rows.map((_, i) => mixed.map((values) => csvValue(values[i])).join(','));
  return `${[columns.map(({ name: column }) => csvValue(column)).join(','), ...lines].join('\n')}\n`;
}

/** Made up too, and each on several rows, so that rows have a past. */
const entities = (count: number, kind: string): readonly unknown[] =>
  Array.from({ length: count }, (_, i) => {
    const number = (i % Math.ceil(count / entityRows)) + 1;
    return kind === 'number' ? number : `made up ${number}`;
  });

const madeUp = (values: readonly unknown[], kind: string): readonly unknown[] =>
  values.map((value, i) => (value === null ? null : kind === 'number' ? i + 1 : `made up ${i + 1}`));

function shuffled(values: readonly unknown[], random: () => number): readonly unknown[] {
  const mixed = [...values];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}

/** Mulberry32: the same sample from the same table. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
