/** A project that learns in Python: train.py of scikit-learn and the MLflow client, and the packages that it needs. */
import { CommandFailure } from '../failure.ts';
import type { LeftOut } from './decide.ts';
import type { ColumnFinding, Findings } from './findings.ts';
import { features } from './findings.ts';

const whereMissing = 'except ModuleNotFoundError as missing:';

/** What train.py imports, at the versions that it was written against. */
export const requirements: readonly string[] = [
  'mlflow==3.17.2',
  'scikit-learn==1.9.1',
  'skl2onnx==1.20.0',
  'onnx==1.23.2',
  'onnxruntime==1.31.1',
  'pyarrow==25.0.1',
];

/** Texts with more values get a place each instead of an indicator each. */
const indicatorsMax = 50;
const proseWords = 3;

interface PythonColumns {
  readonly numbers: readonly string[];
  readonly categories: readonly string[];
  readonly names: readonly string[];
}

const isProse = ({ kind, words }: ColumnFinding): boolean => kind === 'text' && words > proseWords;

/** Free text, which the encoders of train.py do not take. */
export const proseOf = (findings: Findings): readonly LeftOut[] =>
  features(findings).flatMap((column) =>
    isProse(column) ? [{ column: column.name, reason: 'free text, which train.py does not use' }] : [],
  );

/** Throws where train.py would have nothing to learn from. */
export function mustHaveColumns(findings: Findings): void {
  const prose = proseOf(findings);
  if (prose.length < features(findings).length) return;
  throw new CommandFailure(
    'failed',
    `train.py would use no free text, and nothing else is left to predict "${findings.target}" from: ${prose.map(({ column }) => column).join(', ')}. Make the project without --python: its trainer takes texts.`,
  );
}

function columnsOf(findings: Findings): PythonColumns {
  const used = features(findings).filter((column) => !isProse(column));
  const texts = used.filter(({ kind }) => kind === 'text');
  const named = (columns: readonly ColumnFinding[]): readonly string[] => columns.map(({ name }) => name);
  return {
    numbers: named(used.filter(({ kind }) => kind !== 'text')),
    categories: named(texts.filter(({ distinct }) => distinct <= indicatorsMax)),
    names: named(texts.filter(({ distinct }) => distinct > indicatorsMax)),
  };
}

/** A text of JSON is one of Python too: quotes and backslashes are escaped alike, and so is what has no sign. */
const pythonText = (text: string): string => JSON.stringify(text);

const lineMax = 100;

function pythonList(name: string, items: readonly string[]): string {
  const texts = items.map(pythonText);
  const line = `${name} = [${texts.join(', ')}]`;
  return line.length <= lineMax ? line : `${name} = [\n${texts.map((text) => `    ${text},\n`).join('')}]`;
}

/** Labels as the rows have them, in the order of the server's probabilities. */
export function classLabels({ classes, target, columns, positive }: Findings): readonly string[] {
  const kind = columns.find(({ name }) => name === target)?.kind;
  const label = (text: string): string => {
    if (kind === 'boolean') return text === 'true' ? '1' : '0';
    return kind === 'number' ? String(Number(text)) : text;
  };
  const labels = classes.map((found) => label(found.label));
  const sorted =
    kind === 'number' || kind === 'boolean'
      ? labels.toSorted((a, b) => Number(a) - Number(b))
      : labels.toSorted((a, b) => (a < b ? -1 : 1));
  if (positive === undefined) return sorted;
  return [...sorted.filter((text) => text !== label(positive)), label(positive)];
}

interface Parts {
  readonly estimator: string;
  readonly isNumber: boolean;
  readonly columns: PythonColumns;
}

export function trainFile(findings: Findings): string {
  const { target, task } = findings;
  const isNumber = task === 'regression';
  const parts: Parts = {
    estimator: isNumber ? 'GradientBoostingRegressor' : 'GradientBoostingClassifier',
    isNumber,
    columns: columnsOf(findings),
  };
  const { numbers, categories, names } = parts.columns;
  const order = task === 'binary' ? '; the second is the one that they speak of' : '';
  const constants = [
    `TARGET = ${pythonText(target)}`,
    ...(isNumber
      ? []
      : [`# In the pipeline's order of the probabilities${order}.`, pythonList('CLASSES', classLabels(findings))]),
    ...(numbers.length > 0
      ? ['# Dates are milliseconds since 1970 UTC, booleans 0 and 1.', pythonList('NUMBERS', numbers)]
      : []),
    ...(categories.length > 0 ? ['# An indicator of each value.', pythonList('CATEGORIES', categories)] : []),
    ...(names.length > 0 ? ['# Texts of many values: a place each.', pythonList('NAMES', names)] : []),
    'SETTINGS = {"n_estimators": 150, "learning_rate": 0.08, "max_depth": 3, "subsample": 0.7, "random_state": 1}',
  ];
  return `"""Learns ${docText(target)} with scikit-learn: an ordinary script, that logs to MLflow and writes an ONNX file.

The pipeline runs it (pipeline.ts). By hand it takes any Parquet file with these columns:

    python train.py --rows rows.parquet --model model.onnx
"""

import argparse
import json
import sys
from pathlib import Path

try:
${imports(parts)
  .map((line) => `    ${line}\n`)
  .join('')}${whereMissing}
    sys.exit(f"{sys.executable} has no module {missing.name}: {sys.executable} -m pip install -r requirements.txt")

${constants.join('\n')}


${readRows(parts)}

${buildModel(parts)}

${toFile(parts)}

${mainFunction(parts)}`;
}

const docText = (text: string): string =>
  text.replaceAll('\\', '').replaceAll('"""', "'''").replaceAll(/\s+/g, ' ').trim();

function imports({ estimator, isNumber, columns }: Parts): readonly string[] {
  const encoders = [
    ...(columns.categories.length > 0 ? ['OneHotEncoder'] : []),
    ...(columns.names.length > 0 ? ['OrdinalEncoder'] : []),
  ];
  const types = [
    ...(columns.numbers.length > 0 ? ['FloatTensorType'] : []),
    ...(encoders.length > 0 ? ['StringTensorType'] : []),
  ];
  return [
    'import mlflow',
    'import onnx',
    'import pandas',
    'from skl2onnx import to_onnx',
    `from skl2onnx.common.data_types import ${types.join(', ')}`,
    'from sklearn.compose import make_column_transformer',
    `from sklearn.ensemble import ${estimator}`,
    ...(columns.numbers.length > 0 ? ['from sklearn.impute import SimpleImputer'] : []),
    `from sklearn.metrics import ${isNumber ? 'mean_squared_error' : 'log_loss'}`,
    'from sklearn.pipeline import make_pipeline',
    ...(encoders.length > 0 ? [`from sklearn.preprocessing import ${encoders.join(', ')}`] : []),
  ];
}

const textsOf = ({ categories, names }: PythonColumns): string =>
  [...(categories.length > 0 ? ['CATEGORIES'] : []), ...(names.length > 0 ? ['NAMES'] : [])].join(' + ');

const columnsText = (columns: PythonColumns): string =>
  [...(columns.numbers.length > 0 ? ['NUMBERS'] : []), textsOf(columns)].filter((text) => text !== '').join(' + ');

function readRows({ isNumber, columns }: Parts): string {
  const texts = textsOf(columns);
  const lines = [
    `    rows = pandas.read_parquet(path, columns=[TARGET] + ${columnsText(columns)})`,
    `    features = rows.drop(columns=TARGET)`,
    ...(columns.numbers.length > 0 ? ['    features[NUMBERS] = features[NUMBERS].astype("float32")'] : []),
    ...(texts === '' ? [] : [`    features[${texts}] = features[${texts}].astype(object).fillna("")`]),
  ];
  const target = isNumber
    ? ['    return features, rows[TARGET]']
    : [
        '    codes = rows[TARGET].map({label: code for code, label in enumerate(CLASSES)})',
        '    if codes.isna().any():',
        '        unknown = sorted(set(rows[TARGET][codes.isna()].astype(str)))',
        '        sys.exit(f"{TARGET} has {unknown}, which CLASSES does not name")',
        '    return features, codes.astype(int)',
      ];
  return `def read_rows(path):
    """Features and target. Models take 32-bit numbers when they serve, so they learn from such; a missing text is empty."""
${[...lines, ...target].join('\n')}
`;
}

function buildModel({ estimator, columns }: Parts): string {
  const encoders = [
    ...(columns.numbers.length > 0 ? ['(SimpleImputer(strategy="median", keep_empty_features=True), NUMBERS)'] : []),
    ...(columns.categories.length > 0 ? ['(OneHotEncoder(handle_unknown="ignore"), CATEGORIES)'] : []),
    ...(columns.names.length > 0
      ? ['(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), NAMES)']
      : []),
  ];
  return `def build():
    columns = make_column_transformer(
${encoders.map((encoder) => `        ${encoder},\n`).join('')}    )
    return make_pipeline(columns, ${estimator}(**SETTINGS))
`;
}

function toFile({ isNumber, columns }: Parts): string {
  const texts = textsOf(columns);
  const types = [
    ...(columns.numbers.length > 0 ? ['[(name, FloatTensorType([None, 1])) for name in NUMBERS]'] : []),
    ...(texts === '' ? [] : [`[(name, StringTensorType([None, 1])) for name in ${texts}]`]),
  ];
  const convert = isNumber
    ? `    file = to_onnx(model, initial_types=inputs)
    # Input names are changed by the conversion: what they are stands beside.
    onnx.helper.set_model_props(file, {"columns": json.dumps([name for name, _ in inputs])})
    return file`
    : `    # Without the ZipMap the probabilities are a tensor, which every runtime reads.
    file = to_onnx(model, initial_types=inputs, options={"zipmap": False})
    # Input names are changed by the conversion: what they and the probabilities are of stands beside.
    columns = [name for name, _ in inputs]
    onnx.helper.set_model_props(file, {"columns": json.dumps(columns), "classes": json.dumps(CLASSES)})
    return file`;
  return `def to_file(model):
    """The whole pipeline in one ONNX model, with an input per column."""
    inputs = ${types.join('\n    inputs += ')}
${convert}
`;
}

function mainFunction({ isNumber }: Parts): string {
  const [metric, value] = isNumber
    ? ['train_rmse', 'mean_squared_error(target, model.predict(features)) ** 0.5']
    : ['train_log_loss', 'log_loss(target, model.predict_proba(features), labels=range(len(CLASSES)))'];
  return `def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", required=True, help="the rows to learn from, in Parquet")
    options.add_argument("--model", required=True, help="where the ONNX file goes")
    args = options.parse_args()
    features, target = read_rows(args.rows)
    with mlflow.start_run():
        mlflow.log_params({**SETTINGS, "rows": len(features), "columns": len(features.columns)})
        model = build().fit(features, target)
        ${metric} = ${value}
        mlflow.log_metric("${metric}", ${metric})
        weights = zip(model[0].get_feature_names_out(), model[-1].feature_importances_.tolist())
        mlflow.log_dict(dict(sorted(weights, key=lambda weight: -weight[1])), "importance.json")
        file = to_file(model)
        mlflow.onnx.log_model(file, name="model", pip_requirements=str(Path(__file__).with_name("requirements.txt")))
    onnx.save(file, args.model)
    print(f"{len(features)} rows, {len(features.columns)} columns, ${metric} {${metric}:.4f}")


if __name__ == "__main__":
    main()
`;
}

/** Of the README. */
export const pythonSection = `## Python

\`train.py\` imports scikit-learn, the MLflow client and skl2onnx, and nothing of Slipway: change it like any other script. It is given the rows to learn from and leaves an ONNX
file; what it logs is the run of the step \`train\`. The pipeline holds rows out, judges the file and registers it, whatever made it. A change of a \`.py\` file or of
\`requirements.txt\` trains again.

The server runs it with its own interpreter, so that needs the packages:

\`\`\`sh
python3 -m venv .venv
.venv/bin/python -m pip install -r requirements.txt
SLIPWAY_PYTHON=$PWD/.venv/bin/python slipway up
\`\`\`

By hand, on the rows that a run learnt from or on any others: \`.venv/bin/python train.py --rows rows.parquet --model model.onnx\`.

`;
