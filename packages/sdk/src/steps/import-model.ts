/** An ONNX file that another program made from a table's rows, as a model of that table: checked, and saying what its columns are. */
import { readFile } from 'node:fs/promises';
import type { OnnxModel, Plan, TableColumnInfo } from '@slipway/onnx';
import { z } from 'zod';
import type { StepContext } from '../context.ts';
import type { ArtifactPort } from '../ports.ts';
import { artifact } from '../ports.ts';
import type { StepDefinition } from '../step.ts';
import { step, stepFailed } from '../step.ts';
import { nameList } from './table-columns.ts';
import { asJson, isTextKind, tableMeta } from './table-meta.ts';
import type { ClassLabel, TableMeta } from './table-meta.ts';

type ImportModelStep = StepDefinition<
  { readonly rows: ArtifactPort<'table'>; readonly file: ArtifactPort<'file'> },
  { readonly model: ArtifactPort<'model'> }
>;

/**
 * Takes the ONNX file of a program (scikit-learn with skl2onnx, LightGBM with onnxmltools) as the model that `evaluateTable`
 * judges and `register` registers. The file has an input per column, [rows, 1] under the column's name, or one input of all
 * columns; its last output of floats has the probabilities of the classes, or the number. Converters change names (skl2onnx
 * makes `monthly_fee` of `monthly fee`): the metadata `columns` names the columns of the inputs, as a JSON list in their order.
 *
 * Classes are those of the table, in its order. A classifier that was taught places instead of words (0 for the first class)
 * names them in the metadata `classes`, as a JSON list.
 *
 * @example
 * const taken = importModel();
 * run(taken, { rows: train, file: trained.onnx });
 */
export function importModel(options: { readonly id?: string } = {}): ImportModelStep {
  return step({
    id: options.id ?? 'import-model',
    code: 'slipway:import-model',
    inputs: { rows: artifact.table(), file: artifact.file() },
    outputs: { model: artifact.model() },
    run: async (ctx, { rows, file }) => {
      const meta = tableMeta(rows);
      const { OnnxError, planModel, readModel, renameInputs, writeModel, writeTableInfo } =
        await import('@slipway/onnx');
      const reading: Reading = { ctx, meta };
      let model: OnnxModel;
      try {
        model = readModel(await readFile(ctx.path(file)));
        const names = Columns.safeParse(jsonOf(model.metadata['columns']));
        if (names.success) model = renameInputs(model, names.data);
      } catch (error) {
        if (!(error instanceof OnnxError)) throw error;
        throw refused(reading, `is no ONNX model: ${error.message} Write one with skl2onnx's to_onnx.`);
      }
      const plan = planModel(model);
      if ('unsupported' in plan)
        throw refused(reading, `cannot be served: it uses ${plan.unsupported}. Use another estimator or encoder.`);
      const columns = columnsOf(reading, plan);
      mustAnswer(reading, plan);
      const labels = meta.task === 'regression' ? [] : await mustKnowClasses(reading, model);
      const info = { columns, ...(labels.length === 0 ? {} : { classes: labels }) };
      const said = asJson({
        format: 'onnx',
        name: 'imported',
        features: columns.map(({ name }) => name),
        table: { task: meta.task, target: meta.target, classes: meta.classes, columns },
        trainingSetDigest: rows.digest,
        datasets: meta.datasets ?? [],
        ...(meta.featureService === undefined ? {} : { featureService: meta.featureService }),
        ...(meta.split === undefined ? {} : { split: meta.split }),
      });
      const bytes = writeModel(writeTableInfo(model, info));
      ctx.log(`takes ${columns.length} columns: ${nameList(columns.map(({ name, kind }) => `${name} (${kind})`))}`);
      await ctx.run.logArtifact('model.onnx', bytes);
      return { model: await ctx.writeArtifact('model.onnx', 'model', { content: bytes, meta: said }) };
    },
  });
}

interface Reading {
  readonly ctx: StepContext;
  readonly meta: TableMeta;
}

const refused = ({ ctx }: Reading, problem: string) => stepFailed(ctx.step, `the model file ${problem}`);

/** The columns that the file wants, in the order of its inputs. */
function columnsOf(reading: Reading, { inputs }: Plan): readonly TableColumnInfo[] {
  const { meta } = reading;
  const [only] = inputs;
  if (inputs.length === 1 && only !== undefined && only.width > 1) {
    const texts = meta.columns.filter(({ kind }) => isTextKind(kind)).map(({ name }) => name);
    if (texts.length > 0)
      throw refused(
        reading,
        `has one input "${only.name}" of numbers, and ${nameList(texts)} are texts: give each column an input of its own.`,
      );
    if (only.width === meta.columns.length) return meta.columns;
    throw refused(
      reading,
      `has one input "${only.name}" of ${only.width} columns, and the table has ${meta.columns.length}: ${nameList(meta.columns.map(({ name }) => name))}. Train on these, in this order.`,
    );
  }
  return inputs.map(({ name, width, datatype }) => {
    const column = meta.columns.find((known) => known.name === name);
    if (column === undefined) throw refused(reading, unknownInput(meta, name));
    if (width !== 1)
      throw refused(reading, `has an input "${name}" of ${width} columns: give each column an input [rows, 1].`);
    if (isTextKind(column.kind) === (datatype === 'BYTES')) return column;
    const wanted = isTextKind(column.kind) ? 'a text (StringTensorType)' : 'a number (FloatTensorType)';
    throw refused(
      reading,
      `takes ${datatype} for column "${name}", which is a ${column.kind}: make its input ${wanted}.`,
    );
  });
}

function unknownInput({ target, columns, aside }: TableMeta, name: string): string {
  if (name === target)
    return `wants the target "${name}" among its inputs: it would be asked for what it is to answer.`;
  if (aside.some((column) => column.name === name))
    return `takes column "${name}", which the pipeline leaves out: leave it out of the training too, or take it from \`drop\` of tableRows.`;
  return `has an input "${name}", which is no column of the table; it has ${nameList(columns.map((column) => column.name))}. Where the converter changed the names, set the metadata "columns" to the JSON list of the inputs' columns.`;
}

function mustAnswer(reading: Reading, { outputs }: Plan): void {
  const { task, classes, target } = reading.meta;
  const wanted = task === 'regression' ? 1 : classes.length;
  const answer = outputs.findLast(({ datatype }) => datatype === 'FP32');
  if (answer?.width === wanted) return;
  const has = answer === undefined ? 'no output of floats' : `${answer.width} in its output "${answer.name}"`;
  throw refused(
    reading,
    task === 'regression'
      ? `must answer one number for "${target}"; it has ${has}.`
      : `must answer the probabilities of ${wanted} classes of "${target}" (${classes.slice(0, 8).join(', ')}); it has ${has}. Train a classifier on rows of every class.`,
  );
}

const Columns = z.array(z.string());
const Named = z.array(z.union([z.string(), z.number()]));

/** The classes in the order of the file's probabilities, which must be that of the table. */
async function mustKnowClasses(reading: Reading, model: OnnxModel): Promise<readonly ClassLabel[]> {
  const { classes } = reading.meta;
  const { classifierLabels } = await import('@slipway/onnx');
  const named = Named.safeParse(jsonOf(model.metadata['classes']));
  const found = named.success ? named.data : classifierLabels(model);
  const isSame = found?.length === classes.length && classes.every((label, i) => String(label) === String(found[i]));
  if (isSame) return classes;
  const order = classes.map(String).join(', ');
  if (found === undefined)
    throw refused(
      reading,
      `does not say in which order its probabilities come: set its metadata "classes" to the JSON list of ${order}.`,
    );
  throw refused(
    reading,
    `answers the classes ${found.join(', ')} in this order, and the table's are ${order}: teach it places (0 for ${String(classes[0])}) and set its metadata "classes" to this list.`,
  );
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
