/**
 * A model over a table as one ONNX file: encodings of the columns, trees, calibration.
 *
 * Tables of numbers and yes/no columns: one float input `features` [N, F]. Others: one input per column, [N, 1], by its
 * name. Outputs: `label` [N] and `probabilities` [N, classes]; `prediction` [N, 1]; for quantiles `prediction` (the level
 * nearest to a half) and `quantiles` [N, levels]. Where a column has such a name the output gets `_out` behind it.
 * Categories are LabelEncoders, sets of them a Gather of rows of a table of yes and no; dates are arithmetic in float64; texts go StringSplit, LabelEncoder from spelling to word,
 * TfIdfVectorizer that counts. The step function of an isotonic calibration is one more tree, over the margin.
 */
import { datePart, featuresOf } from './column-encodings.ts';
import type { Arithmetic, CategoryMembers, ColumnEncoding } from './column-encodings.ts';
import { OnnxError } from './errors.ts';
import { makeModel, makeNode, makeValue, FEATURE_NAMES_KEY, TABLE_KEY } from './graph-parts.ts';
import type { NodeParts } from './graph-parts.ts';
import { tensorTypes } from './model.ts';
import { writeModel } from './write-model.ts';
import type { OnnxNode, OnnxTensor, OnnxValue } from './model.ts';
import type { StepFunction, TableModel } from './table-model.ts';
import type { Tree, TreeEnsemble } from './trees.ts';
import { checkEnsemble, ensembleNode, makeClassifierOutputs, regressorNode } from './write-trees.ts';

export interface WriteTableOptions {
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Since StringSplit. */
const textOpset = 20;

/** A graph in the making; names that it makes up start with `~`, and columns must not. */
interface Draft {
  readonly nodes: OnnxNode[];
  readonly constants: Map<string, OnnxTensor>;
  /** Adds a node of ai.onnx or, with a domain, of another; returns its first output. */
  readonly add: (parts: Omit<NodeParts, 'outputs' | 'attributes'> & Partial<NodeParts>) => string;
  readonly constant: (tensor: Omit<OnnxTensor, 'name'>) => string;
}

function createDraft(): Draft {
  const nodes: OnnxNode[] = [];
  const constants = new Map<string, OnnxTensor>();
  return {
    nodes,
    constants,
    add: (parts) => {
      const outputs = parts.outputs ?? [`~${nodes.length}`];
      nodes.push(makeNode({ domain: '', attributes: {}, ...parts, outputs }));
      return outputs[0] ?? '';
    },
    constant: (tensor) => {
      const values = 'values' in tensor.data ? Array.from<unknown>(tensor.data.values).map(String).join(',') : '';
      const name = `~constant ${tensor.data.location} [${tensor.dims.join(',')}] ${values}`;
      constants.set(name, { name, ...tensor });
      return name;
    },
  };
}

/** ONNX file of the model. Throws OnnxError 'model' for parts that do not fit together. */
export function writeTableModel(model: TableModel, options: WriteTableOptions = {}): Uint8Array {
  checkTable(model);
  const draft = createDraft();
  const columns = model.encodings.map((encoding) => encoding.column);
  const isWide = model.encodings.every(({ kind }) => kind === 'number' || kind === 'boolean');
  const inputs = isWide ? [makeValue('features', 'FLOAT', columns.length)] : model.encodings.map(inputOf);
  const features = isWide ? 'features' : joinColumns(draft, model.encodings);
  const taken = new Set(inputs.map((input) => input.name));
  const outputs = writeHead(draft, model, { features, name: (wanted) => freeName(wanted, taken) });
  const metadata: Record<string, string> = { ...options.metadata };
  metadata[FEATURE_NAMES_KEY] = JSON.stringify(columns);
  metadata[TABLE_KEY] = JSON.stringify({
    columns: model.encodings.map(({ column, kind }) => ({ name: column, kind })),
    ...(model.head.kind === 'quantiles' ? { quantiles: model.head.levels } : {}),
  });
  return writeModel(
    makeModel({
      name: 'table',
      nodes: draft.nodes,
      initializers: [...draft.constants.values()],
      inputs,
      outputs,
      metadata,
      ...(model.encodings.some(({ kind }) => kind === 'text') ? { coreOpset: textOpset } : {}),
    }),
  );
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  return taken.has(wanted) ? freeName(`${wanted}_out`, taken) : wanted;
}

const inputTypes = { number: 'FLOAT', boolean: 'FLOAT', date: 'DOUBLE', category: 'STRING', text: 'STRING' } as const;

function inputOf({ column, kind }: ColumnEncoding): OnnxValue {
  return makeValue(column, inputTypes[kind], 1);
}

function joinColumns(draft: Draft, encodings: readonly ColumnEncoding[]): string {
  const inputs = encodings.flatMap((encoding) => encode(draft, encoding));
  return draft.add({ opType: 'Concat', inputs, outputs: ['~features'], attributes: { axis: { int: 1 } } });
}

/** The tensors [N, any] of a column's features, in their order. */
function encode(draft: Draft, encoding: ColumnEncoding): readonly string[] {
  switch (encoding.kind) {
    case 'number':
    case 'boolean':
      return [encoding.column];
    case 'date': {
      const arithmetic = graphArithmetic(draft);
      const { column, utcOffsetMinutes } = encoding;
      const local = utcOffsetMinutes === 0 ? column : arithmetic.add(column, utcOffsetMinutes * 60_000);
      return encoding.parts.map((part) =>
        draft.add({
          opType: 'Cast',
          inputs: [datePart(arithmetic, local, part)],
          attributes: { to: { int: tensorTypes.FLOAT } },
        }),
      );
    }
    case 'category':
      return [
        ...encoding.tables.map((table) =>
          draft.add({
            opType: 'LabelEncoder',
            domain: 'ai.onnx.ml',
            inputs: [encoding.column],
            attributes: {
              keys_strings: table.keys,
              values_floats: table.values,
              default_float: { float: table.otherwise },
            },
          }),
        ),
        ...encodeMembers(draft, encoding.column, encoding.members),
      ];
    case 'text':
      return encodeText(draft, encoding);
  }
}

/** [keys + 1, sets]: 0 where the key is in the set. */
function outsideSets(keyCount: number, sets: readonly Uint8Array[]): Uint8Array {
  const outside = new Uint8Array((keyCount + 1) * sets.length).fill(1);
  for (const [place, set] of sets.entries()) clearMembers(outside, set, { place, width: sets.length });
  return outside;
}

function clearMembers(
  outside: Uint8Array,
  set: Uint8Array,
  { place, width }: { readonly place: number; readonly width: number },
): void {
  for (let key = 0; key < set.length; key++) if (set[key] === 1) outside[key * width + place] = 0;
}

/** A row of a table of yes and no, whose last row is for what has no key: what a row of the batch has of each set. */
function encodeMembers(draft: Draft, column: string, members: CategoryMembers | undefined): readonly string[] {
  const { keys = [], sets = [] } = members ?? {};
  if (sets.length === 0) return [];
  const table: OnnxTensor = {
    name: `~sets of ${column}`,
    dims: [keys.length + 1, sets.length],
    dataType: tensorTypes.BOOL,
    data: { location: 'raw', bytes: outsideSets(keys.length, sets) },
  };
  draft.constants.set(table.name, table);
  const codes = draft.add({
    opType: 'LabelEncoder',
    domain: 'ai.onnx.ml',
    inputs: [column],
    attributes: {
      keys_strings: keys,
      values_int64s: BigInt64Array.from(keys, (_, code) => BigInt(code)),
      default_int64: { int: keys.length },
    },
  });
  const shape = draft.constant({
    dims: [1],
    dataType: tensorTypes.INT64,
    data: { location: 'int64', values: BigInt64Array.of(-1n) },
  });
  const flat = draft.add({ opType: 'Reshape', inputs: [codes, shape] });
  const rows = draft.add({ opType: 'Gather', inputs: [table.name, flat], attributes: { axis: { int: 0 } } });
  return [draft.add({ opType: 'Cast', inputs: [rows], attributes: { to: { int: tensorTypes.FLOAT } } })];
}

function encodeText(draft: Draft, encoding: Extract<ColumnEncoding, { kind: 'text' }>): readonly string[] {
  const { column, words, spellings, spelledWords } = encoding;
  const integers = (values: readonly number[]): string =>
    draft.constant({
      dims: [values.length],
      dataType: tensorTypes.INT64,
      data: { location: 'int64', values: BigInt64Array.from(values, BigInt) },
    });
  const flat = draft.add({ opType: 'Reshape', inputs: [column, integers([-1])] });
  const [pieces, count] = [`~pieces of ${column}`, `~count of ${column}`];
  draft.add({ opType: 'StringSplit', inputs: [flat], outputs: [pieces, count] });
  const numbers = draft.add({ opType: 'Cast', inputs: [count], attributes: { to: { int: tensorTypes.FLOAT } } });
  const total = draft.add({ opType: 'Reshape', inputs: [numbers, integers([-1, 1])] });
  if (words.length === 0) return [total];
  const known = draft.add({
    opType: 'LabelEncoder',
    domain: 'ai.onnx.ml',
    inputs: [pieces],
    attributes: {
      keys_strings: spellings,
      values_int64s: BigInt64Array.from(spelledWords, BigInt),
      default_int64: { int: -1 },
    },
  });
  const each = BigInt64Array.from(words, (_, index) => BigInt(index));
  const counts = draft.add({
    opType: 'TfIdfVectorizer',
    inputs: [known],
    attributes: {
      mode: 'TF',
      min_gram_length: { int: 1 },
      max_gram_length: { int: 1 },
      max_skip_count: { int: 0 },
      ngram_counts: BigInt64Array.of(0n),
      ngram_indexes: each,
      pool_int64s: each,
    },
  });
  return [total, counts];
}

/** Float64 nodes; a number becomes a constant. Equal terms are made once. */
function graphArithmetic(draft: Draft): Arithmetic<string> {
  const made = new Map<string, string>();
  const term = (value: string | number): string =>
    typeof value === 'string'
      ? value
      : draft.constant({
          dims: [1],
          dataType: tensorTypes.DOUBLE,
          data: { location: 'double', values: Float64Array.of(value) },
        });
  const apply = (opType: string, ...operands: readonly (string | number)[]): string => {
    const inputs = operands.map(term);
    const key = JSON.stringify([opType, inputs]);
    const name = made.get(key) ?? draft.add({ opType, inputs });
    made.set(key, name);
    return name;
  };
  return {
    add: (a, b) => apply('Add', a, b),
    subtract: (a, b) => apply('Sub', a, b),
    multiply: (a, b) => apply('Mul', a, b),
    divide: (a, b) => apply('Div', a, b),
    floor: (a) => apply('Floor', a),
  };
}

interface HeadContext {
  readonly features: string;
  /** An output's name that no input has. */
  readonly name: (wanted: string) => string;
}

function writeHead(draft: Draft, { head }: TableModel, { features, name }: HeadContext): readonly OnnxValue[] {
  if (head.kind === 'quantiles') return writeQuantiles(draft, head, { features, name });
  const { ensemble, steps } = head;
  const input = features;
  if (ensemble.link === 'identity') {
    const prediction = name('prediction');
    draft.nodes.push(ensembleNode(ensemble, { input, outputs: [prediction] }));
    return [makeValue(prediction, 'FLOAT', 1)];
  }
  const outputs = [name('label'), name('probabilities')];
  if (steps === undefined) draft.nodes.push(ensembleNode(ensemble, { input, outputs }));
  else {
    const margins: TreeEnsemble = { ...ensemble, link: 'identity', classLabels: [] };
    draft.nodes.push(ensembleNode(margins, { input, outputs: ['~margin'] }));
    // A classifier whose weights are all 0 or more takes them for probabilities and cuts at a half.
    const own = { ...ensemble, featureNames: ['margin'], trees: [stepTree(steps)], baseScore: 0 };
    draft.nodes.push(ensembleNode(own, { input: '~margin', outputs, areProbabilities: true }));
  }
  return makeClassifierOutputs(ensemble, outputs);
}

/** Place of the level that is answered as the number: the one nearest to a half. */
export function middleLevel(levels: readonly number[]): number {
  return levels.reduce(
    (best, level, index) => (Math.abs(level - 0.5) < Math.abs((levels[best] ?? 0) - 0.5) ? index : best),
    0,
  );
}

function writeQuantiles(
  draft: Draft,
  head: Extract<TableModel['head'], { kind: 'quantiles' }>,
  { features, name }: HeadContext,
): readonly OnnxValue[] {
  const [prediction, quantiles] = [name('prediction'), name('quantiles')];
  const count = head.levels.length;
  const integer = (value: number): string =>
    draft.constant({
      dims: [1],
      dataType: tensorTypes.INT64,
      data: { location: 'int64', values: BigInt64Array.of(BigInt(value)) },
    });
  draft.nodes.push(regressorNode(head.ensembles, { input: features, outputs: ['~quantiles'] }));
  draft.add({
    opType: 'TopK',
    inputs: ['~quantiles', integer(count)],
    outputs: [quantiles, '~order'],
    attributes: { axis: { int: 1 }, largest: { int: 0 }, sorted: { int: 1 } },
  });
  const middle = middleLevel(head.levels);
  draft.add({
    opType: 'ArrayFeatureExtractor',
    domain: 'ai.onnx.ml',
    inputs: [quantiles, integer(middle)],
    outputs: [prediction],
  });
  return [makeValue(prediction, 'FLOAT', 1), makeValue(quantiles, 'FLOAT', count)];
}

/** The steps as a balanced search tree over one feature; a margin of NaN takes the first step. */
function stepTree({ thresholds, values }: StepFunction): Tree {
  const nodes: { threshold: number; value: number; left: number; right: number }[] = [];
  const build = (from: number, to: number): number => {
    const at = nodes.push({ threshold: 0, value: values[from] ?? 0, left: -1, right: -1 }) - 1;
    const node = nodes[at];
    if (from === to || node === undefined) return at;
    const middle = (from + to) >> 1;
    node.threshold = thresholds[middle] ?? 0;
    node.left = build(from, middle);
    node.right = build(middle + 1, to);
    return at;
  };
  build(0, values.length - 1);
  return {
    feature: new Int32Array(nodes.length),
    threshold: Float32Array.from(nodes, (node) => node.threshold),
    missingLeft: new Uint8Array(nodes.length).fill(1),
    left: Int32Array.from(nodes, (node) => node.left),
    right: Int32Array.from(nodes, (node) => node.right),
    value: Float32Array.from(nodes, (node) => node.value),
    count: new Uint32Array(nodes.length),
    gain: new Float32Array(nodes.length),
  };
}

function checkTable({ encodings, head }: TableModel): void {
  const refuse = (problem: string): never => {
    throw new OnnxError('model', `The table model cannot be written: ${problem}.`);
  };
  const columns = encodings.map((encoding) => encoding.column);
  const repeated = columns.find((name, index) => columns.indexOf(name) !== index);
  if (repeated !== undefined) refuse(`two columns are called "${repeated}"`);
  const odd = columns.find((name) => name === '' || name.startsWith('~'));
  if (odd !== undefined) refuse(`a column is called "${odd}"; names must not be empty or start with ~`);
  for (const encoding of encodings) {
    const members = encoding.kind === 'category' ? encoding.members : undefined;
    if (members?.sets.some((set) => set.length !== members.keys.length) === true) {
      refuse(`a set of categories of "${encoding.column}" does not fit its ${members.keys.length} keys`);
    }
  }
  const names = encodings.flatMap(featuresOf);
  const ensembles = head.kind === 'quantiles' ? head.ensembles : [head.ensemble];
  for (const ensemble of ensembles) {
    checkEnsemble(ensemble);
    if (ensemble.featureNames.length !== names.length) {
      refuse(`its columns make ${names.length} features, but its trees know ${ensemble.featureNames.length}`);
    }
  }
  if (head.kind === 'quantiles') {
    if (head.levels.length !== ensembles.length || ensembles.length === 0) {
      refuse(`it has ${head.levels.length} levels and ${ensembles.length} ensembles`);
    }
    if (ensembles.some(({ link }) => link !== 'identity')) refuse('a quantile wants the link identity');
    return;
  }
  const { steps } = head;
  if (steps === undefined) return;
  if (head.ensemble.link !== 'logistic') refuse(`steps want the link logistic, not ${head.ensemble.link}`);
  if (steps.values.length === 0 || steps.thresholds.length !== steps.values.length - 1) {
    refuse(`its steps have ${steps.thresholds.length} thresholds for ${steps.values.length} values`);
  }
  if (!steps.values.every((value) => value >= 0 && value <= 1)) refuse('a step is not a probability');
  if (steps.thresholds.some((t, i) => !(t > (steps.thresholds[i - 1] ?? -Infinity)))) refuse('its steps do not ascend');
}
