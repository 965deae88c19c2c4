/** The files of a new project, from what was found. They are meant to be read, changed and committed by a person. */
import type { LeftOut } from './decide.ts';
import type { Findings } from './findings.ts';
import { certainRowsMin, features, percent, sentences, taskWords } from './findings.ts';
import type { Rule } from './expectations.ts';
import { githubPath, githubWorkflow, gitlabPath, gitlabPipeline } from './ci-files.ts';
import { warmUpOf } from './history-plan.ts';
import { definitionText, featuresFile } from './history-text.ts';
import type { MendRecipe } from './mend-recipe.ts';
import { recipeFile, recipeText } from './mend-recipe.ts';
import { codeKey, codeText, markdownText, yamlText } from './names.ts';
import { proseOf, pythonSection, requirements, trainFile } from './python-files.ts';

export interface ProjectFile {
  readonly path: string;
  readonly text: string;
}

export interface ProjectInput {
  readonly findings: Findings;
  readonly rules: readonly Rule[];
  /** A few rows in CSV that no row of the table equals. */
  readonly sample: string;
  /** What `slipway data add` takes, as seen from the project's folder. */
  readonly dataPath: string;
  /** The model is learnt by train.py. */
  readonly isPython: boolean;
  /** The table had to be mended, and the next file will have to be. */
  readonly recipe: MendRecipe | undefined;
}

/** Texts with more words are prose to the trainer too. */
const manyValues = 100;
const dayMs = 86_400_000;

export function projectFiles(input: ProjectInput): readonly ProjectFile[] {
  const { findings, isPython } = input;
  return [
    { path: 'README.md', text: readme(input) },
    { path: 'slipway.yaml', text: declarations(findings) },
    { path: 'expectations.yaml', text: expectations(input) },
    ...(input.recipe === undefined ? [] : [{ path: recipeFile, text: recipeText(input.recipe, findings.source) }]),
    ...(findings.history?.plan === undefined
      ? []
      : [{ path: featuresFile, text: definitionText(findings.history.plan) }]),
    { path: 'pipeline.ts', text: pipelineFile(input) },
    ...(isPython
      ? [
          { path: 'train.py', text: trainFile(findings) },
          { path: 'requirements.txt', text: `${requirements.join('\n')}\n` },
        ]
      : []),
    { path: 'test/pipeline.test.ts', text: testFile(findings) },
    { path: 'test/sample.csv', text: input.sample },
    { path: githubPath, text: githubWorkflow(input) },
    { path: gitlabPath, text: gitlabPipeline(input) },
    { path: '.gitignore', text: `.slipway/\nnode_modules/\ndata/\n${isPython ? pythonLeavings : ''}` },
    {
      path: '.slipwayignore',
      text: `# What is no code of the pipeline: it travels with no apply.\ndata/\ntest/\n*.csv\n*.parquet\n${isPython ? pythonLeavings : ''}`,
    },
  ];
}

const pythonLeavings = '.venv/\n__pycache__/\n*.onnx\nmlruns/\nmlflow.db\n';

/** Where they go, but for the recipe of mending and for features.yaml: whether there is one shows only when the table was read. */
export const projectPaths = ({ isPython }: Pick<ProjectInput, 'isPython'>): readonly string[] => [
  'README.md',
  'slipway.yaml',
  'expectations.yaml',
  'pipeline.ts',
  ...(isPython ? ['train.py', 'requirements.txt'] : []),
  'test/pipeline.test.ts',
  'test/sample.csv',
  githubPath,
  gitlabPath,
  '.gitignore',
  '.slipwayignore',
];

export const pipelineName = ({ dataset }: Findings): string => `train-${dataset}`;

/** What a person types next, from inside the folder. */
export function nextCommands(findings: Findings, dataPath: string): readonly string[] {
  const path = /^[\w./-]+$/.test(dataPath) ? dataPath : `'${dataPath.replaceAll("'", "'\\''")}'`;
  const plan = findings.history?.plan;
  return [
    `slipway data add ${findings.dataset} ${path}`,
    'slipway apply',
    'slipway run',
    ...(plan === undefined
      ? []
      : [`slipway feature backfill ${plan.set} --until ${new Date(plan.untilMs).toISOString().replace('.000Z', 'Z')}`]),
    'slipway deploy',
  ];
}

function declarations(findings: Findings): string {
  const { project, dataset, model, source, target, history } = findings;
  const plan = history?.plan;
  const endpoint = [
    `model: ${yamlText(model)}`,
    ...(plan === undefined ? [] : [`features: { set: ${yamlText(plan.set)}, service: ${plan.service} }`]),
    `description: ${JSON.stringify(`Predicts ${target}`)}`,
  ];
  return `# What the server is to know. \`slipway plan\` shows what applying this folder would change; \`slipway apply\` changes it.
project: ${yamlText(project)}

datasets:
  ${yamlText(dataset)}: { description: ${JSON.stringify(`From ${source}`)} }

suites:
  ${yamlText(dataset)}: ./expectations.yaml
${plan === undefined ? '' : `\nfeatures:\n  - ./${featuresFile}\n`}
pipelines:
  - ./pipeline.ts

models:
  ${yamlText(model)}:
    description: ${JSON.stringify(describedModel(findings))}
    gate:
      protected: [champion]
      checks:
${gateChecks(findings)
  .map((line) => `        ${line}`)
  .join('\n')}

endpoints:
  ${yamlText(model)}: { ${endpoint.join(', ')} }
${monitor(findings)}
policies:
  # Another version of the data trains another model; the gate decides whether it is one.
  ${yamlText(`${dataset}-retrain`)}:
    when: dataset.version-created
    where: { dataset: ${yamlText(dataset)}, number: { min: 2 } }
    do:
      run: { pipeline: ${yamlText(pipelineName(findings))} }
    maxPerDay: 4
`;
}

function describedModel({ task, target, positive }: Findings): string {
  if (task === 'regression') return `Predicts the number ${target}`;
  return task === 'binary'
    ? `Probability that ${target} is ${positive ?? ''}`
    : `Probability of each class of ${target}`;
}

/** Bounds that a model worth having passes, and one that guesses does not. Whoever knows the question tightens them. */
function gateChecks(findings: Findings): readonly string[] {
  const used = findings.rowCount - findings.rowsWithoutTarget;
  const isCertain = used >= certainRowsMin;
  const low = isCertain ? ', interval: low' : '';
  const champion = (metric: string, margin: string): string[] =>
    isCertain ? [`champion: { ${metric}: nonInferior ${margin} }`] : [];
  switch (findings.task) {
    case 'binary':
      return [
        `auc: { min: 0.55${low} }`,
        ...(isCertain ? ['ece: { max: 0.15 }'] : []),
        '# Better than giving everybody the share of all rows, by so much.',
        `beats: { constant: { ${isUneven(findings) ? 'cost: 0, ' : ''}logLoss: 0.001 } }`,
        ...champion('logLoss', '0.02'),
      ];
    case 'multiclass':
      return [
        '# Better than giving every row the shares of the classes, by so much.',
        'beats: { constant: { logLoss: 0.01, accuracy: 0.01 } }',
        ...champion('logLoss', '0.05'),
      ];
    case 'regression':
      return [`r2: { min: 0.05${low} }`, '# Better than the mean.', 'beats: { constant: { rmse: 0 } }'];
  }
}

const isUneven = ({ costs }: Findings): boolean => costs !== undefined && costs.falsePositive !== costs.falseNegative;

/** Requests that a window should hold, for outcomes may be missing of some: the server judges quality from 200 on. */
const windowRowsMin = 300;
/** Fewer tell nothing. */
const labelledMin = 50;
const weeksPerMonth = 4.345;

interface MonitorWindow {
  readonly window: 'week' | 'month';
  /** Undefined: the server's own. */
  readonly labelledMin?: number;
}

/** A window that holds enough of rows that come as often as those of the table; a week where it does not tell. */
function monitorWindow({ rowsPerWeek }: Findings): MonitorWindow {
  if (rowsPerWeek === undefined || rowsPerWeek >= windowRowsMin) return { window: 'week' };
  const rows = rowsPerWeek * weeksPerMonth;
  if (rows >= windowRowsMin) return { window: 'month' };
  return { window: 'month', labelledMin: Math.max(labelledMin, Math.floor((0.6 * rows) / 10) * 10) };
}

/**
 * How far what is observed may lie from what was predicted. Of a number the gap counts in errors that the gate saw; of
 * classes it is a share, and as wide as the outcome varies: 0.06 where a quarter of the rows are positive, 0.015 where one in
 * a hundred is. Noise is the business of `z`. The loss has the rules of the server.
 */
function gapLimits({ task, classes, positive }: Findings): { readonly alert: number; readonly warning: number } {
  if (task === 'regression') return { alert: 0.5, warning: 0.25 };
  if (task === 'multiclass') return { alert: 0.06, warning: 0.04 };
  const rows = classes.reduce((sum, { count }) => sum + count, 0);
  const share = (classes.find(({ label }) => label === positive)?.count ?? 0) / Math.max(1, rows);
  const deviation = Math.sqrt(share * (1 - share));
  return { alert: Number((0.14 * deviation).toPrecision(1)), warning: Number((0.09 * deviation).toPrecision(1)) };
}

function monitor(findings: Findings): string {
  const { model } = findings;
  const { window, labelledMin: labels } = monitorWindow(findings);
  const fewer = labels === undefined ? '' : `\n    labelledMin: ${labels}`;
  const { alert, warning } = gapLimits(findings);
  return `
monitors:
  ${yamlText(`${model}-${window}ly`)}:
    endpoint: ${yamlText(model)}
    window: ${window}
    labelGrace: 24h${fewer}
    alert: { gap: ${alert}, z: 4 }
    warning: { gap: ${warning}, z: 3 }
`;
}

function expectations({ findings, rules }: ProjectInput): string {
  const { dataset, rowCount, source } = findings;
  const needed = [
    ...new Set([...features(findings).map(({ name }) => name), ...lookedBackBy(findings), findings.target]),
  ];
  const columns = needed.slice(0, 200).map(yamlText).join(', ');
  return `# What must hold of ${JSON.stringify(source)} before anything is learnt from it. Bounds come from ${rowCount.toLocaleString('en-US')} rows, with room:
# they were taken from the rows that are learnt from, and asked of the rows that are held out. \`mostly\` is the share that must pass.
tables:
  ${yamlText(dataset)}:
    expectations:
      - { type: expect_table_row_count_to_be_between, min_value: ${Math.min(100, Math.floor(rowCount / 2))} }
      - { type: expect_table_columns_to_match_set, exact_match: false, column_set: [${columns}] }
${rules.map(({ yaml }) => `      - ${yaml}`).join('\n')}
`;
}

/** Columns without which nothing can be said of a row's past. */
const lookedBackBy = ({ history }: Findings): readonly string[] =>
  history?.plan === undefined ? [] : [history.plan.entity.column, history.plan.time.column];

function pipelineFile({ findings, isPython }: ProjectInput): string {
  const { dataset, model, target, task } = findings;
  const learner = isPython ? pythonLearner : typescriptLearner;
  return `/** Learns ${commentText(target)}, ${taskWords[task]}: rows are read, a fifth is held out, a model is judged on it, and registered if its gate passes. */
import { ${learner.imports} } from 'slipway';

const model = ${codeText(model)};

const check = validate({ id: 'check', suite: ${codeText(dataset)}, tables: [${codeText(dataset)}] });

const read = tableRows({
${questionLines(findings, isPython ? proseOf(findings) : [])
  .map((line) => `  ${line}`)
  .join('\n')}
});

// ${findings.split.reason.replaceAll(/\s+/g, ' ')}.
const split = splitTable(${splitCode(findings)});
${learner.steps}
const judge = evaluateTable({ model${costsCode(findings)} });
const passGate = gate({ model });
const registerModel = register({ model });
const report = tableReport({ model });

export const train = pipeline({ id: ${codeText(pipelineName(findings))}, description: ${codeText(`Train, judge and register ${model}`)} }, (_, run) => {
  const dataset = run.dataset(${codeText(dataset)});
  const checked = run(check, { ${codeKey(dataset)}: dataset });
  const { rows } = run(read, { dataset }, { after: [checked] });
  const { train, holdout } = run(split, { rows });

${learner.runs}
  const judged = run(judge, { train, holdout, candidate: candidate.model });
  const passed = run(passGate, { evidence: judged.evidence });

  const registered = run(registerModel, { model: candidate.model, gate: passed.gate });
  run(report, { evaluation: judged.report, gate: passed.report, version: registered.version });
});
`;
}

interface Learner {
  readonly imports: string;
  readonly steps: string;
  readonly runs: string;
}

const typescriptLearner: Learner = {
  imports: 'evaluateTable, gate, pipeline, register, splitTable, tableReport, tableRows, trainTable, validate',
  steps: 'const trees = trainTable();',
  runs: '  const candidate = run(trees, { rows: train });',
};

const pythonLearner: Learner = {
  imports:
    'artifact, evaluateTable, gate, importModel, pipeline, pythonStep, register, splitTable, tableReport, tableRows, validate',
  steps: `
// train.py, run by the server's Python (SLIPWAY_PYTHON, else python3) with what requirements.txt lists.
const learn = pythonStep({
  id: 'train',
  module: 'train',
  args: ['--rows', '{rows}', '--model', '{out:model}'],
  inputs: { rows: artifact.table() },
  outputs: { model: artifact.file() },
});
const take = importModel();
`,
  runs: `  const learnt = run(learn, { rows: train });
  const candidate = run(take, { rows: train, file: learnt.model });`,
};

const commentText = (text: string): string => text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ');

function questionLines(findings: Findings, unused: readonly LeftOut[]): readonly string[] {
  const { target, task, positive, columns } = findings;
  const targetType = columns.find(({ name }) => name === target)?.kind ?? 'text';
  const lines = [`target: ${codeText(target)},`, `task: ${codeText(task)},`];
  if (positive !== undefined) lines.push(`positive: ${positiveCode(positive, targetType)},`);
  const plan = findings.history?.plan;
  if (plan !== undefined)
    lines.push(
      `// Each row is joined with what ${featuresFile} knew at its time; a sample is computed the way it is served and must be equal.`,
      '// Rows of the first days, whose windows are not full, are left out.',
      `features: { set: ${codeText(plan.set)}, service: ${codeText(plan.service)}, warmUpDays: ${Number((warmUpOf(plan) / dayMs).toFixed(4))} },`,
    );
  const declared = features(findings).flatMap(({ name, kind, words, distinct }) =>
    kind === 'text' && words <= 3 && distinct > manyValues ? [`${codeKey(name)}: 'category'`] : [],
  );
  if (declared.length > 0) lines.push(`columns: { ${declared.join(', ')} },`);
  const dropped = [...findings.leftOut, ...findings.suspected, ...unused];
  if (dropped.length === 0) return lines;
  const drops = dropped.map(({ column, reason }) => `  ${codeText(column)}, // ${reason.replaceAll(/\s+/g, ' ')}`);
  return [
    ...lines,
    '// Columns that no model may see; take a line away to bring its column back.',
    'drop: [',
    ...drops,
    '],',
  ];
}

function positiveCode(positive: string, kind: string): string {
  if (kind === 'boolean') return positive === 'true' ? '1' : '0';
  return kind === 'number' ? String(Number(positive)) : codeText(positive);
}

function splitCode({ split }: Findings): string {
  if (split.by === 'random' || split.column === undefined) return "{ by: 'random', seed: 1 }";
  return `{ by: '${split.by}', column: ${codeText(split.column)}${split.by === 'group' ? ', seed: 1' : ''} }`;
}

const costsCode = ({ costs }: Findings): string =>
  costs === undefined
    ? ''
    : `, costs: { falsePositive: ${costs.falsePositive}, falseNegative: ${costs.falseNegative} }`;

function readme({ findings, dataPath, isPython, recipe }: ProjectInput): string {
  const { project, source, target, task, columns, rowCount } = findings;
  const found = sentences(findings).map(
    ([head, text]) => `- ${head === '' ? '' : `**${head}**: `}${markdownText(text)}`,
  );
  const rows = columns.map(
    ({ name, type, role, missing, distinct }) =>
      `| ${markdownText(name)} | ${markdownText(type.toLowerCase())} | ${role} | ${percent(missing, rowCount)} | ${distinct.toLocaleString('en-US')} |`,
  );
  return `# ${markdownText(project)}

Predicts \`${target.replaceAll('`', "'")}\`, ${taskWords[task]}, from ${markdownText(source)}. Made by \`slipway init\`; from here on it is yours.

## Next

With a server running (\`slipway up\`, in another terminal), in this folder:

\`\`\`sh
${nextCommands(findings, dataPath).join('\n')}
\`\`\`

The run checks the data, holds rows out, trains, judges, registers the model if its gate passes, and says what it came to. Deployed, it answers requests; a line that asks it is printed.
\`slipway model show ${findings.model} champion\` says what was registered, and \`slipway why version ${findings.model}@champion\` what it was made from.

${isPython ? pythonSection : ''}${historySection(findings)}## What was found

${found.join('\n')}

| column | type | role | missing | values |
|---|---|---|---|---|
${rows.slice(0, 100).join('\n')}

## Files

| file | what |
|---|---|
| \`slipway.yaml\` | the dataset, the model with its gate, the endpoint, the monitor, the policy |
| \`expectations.yaml\` | what must hold of new data |
${findings.history?.plan === undefined ? '' : `| \`${featuresFile}\` | what earlier rows tell about a row, for training and for serving |\n`}${recipe === undefined ? '' : '| `mend.yaml` | how the next file of the same shape becomes data: `slipway data mend FILE --add` |\n'}| \`pipeline.ts\` | how a model is made |
${isPython ? '| `train.py`, `requirements.txt` | how it is learnt, and with which packages |\n' : ''}| \`test/\` | the pipeline on a sample, on a server of its own: \`node --test\`. The sample's values were mixed column by column, and names and prose in it are made up, so that no row of it is one of yours; read it before you commit it |
| \`.github/\`, \`.gitlab-ci.yml\` | the test on every push, \`slipway apply\` on the main branch. Both take the server's address from \`SLIPWAY_URL\` and a token from \`SLIPWAY_TOKEN\` |
`;
}

function historySection({ history, model, dataset }: Findings): string {
  const plan = history?.plan;
  if (plan === undefined) return '';
  const { set, entity, time, outcome } = plan;
  const source = `/api/feature-sets/${set}/sources/earlier/rows`;
  const later = outcome === undefined ? '' : '; with its outcome, once that is known, to `sources/outcomes/rows`';
  return `## Features of earlier rows

\`${featuresFile}\` says what earlier rows of one ${markdownText(entity.column)} tell. Training joins each row with what was known at its own ${markdownText(time.column)}; the endpoint is given
\`${entity.key}\` beside the model's other columns and reads the same features from the online state. \`slipway feature backfill\` above fills that state from the data. What comes later is
sent to it when it happens (\`POST ${source}\` with \`{"rows": [...]}\`, in the table's columns${later}), or \`slipway data add ${dataset} FILE\` and another backfill bring it.
\`slipway feature show ${set}\` says where it stands; \`slipway endpoint deployments ${model}\` what is served.

`;
}

function testFile(findings: Findings): string {
  return `/** The pipeline on a sample, on a server of its own: the data meets its expectations and a model is trained and judged. What is learnt from mixed values may fail the gate. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const project = dirname(import.meta.dirname);
const gateSaidNo = 6;

function slipway(args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn('slipway', args, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
  return { child, ended, said: () => said };
}

test('the pipeline runs on the sample', { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-test-'));
  const server = slipway(['up', '--dir', folder, '--port', '0', '--json'], process.env);
  try {
    while (!/"url": "([^"]+)"/.test(server.said()) && server.child.exitCode === null) await new Promise((next) => setTimeout(next, 50));
    const [, url] = /"url": "([^"]+)"/.exec(server.said()) ?? [];
    assert(url !== undefined, server.said());
    const run = async (...args: string[]) => {
      const command = slipway(args, { ...process.env, SLIPWAY_URL: url });
      return { code: await command.ended, said: command.said() };
    };
    for (const args of [['data', 'add', ${codeText(findings.dataset)}, 'test/sample.csv'], ['apply']]) {
      const done = await run(...args);
      assert.equal(done.code, 0, done.said);
    }
    const { code, said } = await run('pipeline', 'run', ${codeText(pipelineName(findings))});
    assert(code === 0 || (code === gateSaidNo && said.includes('gate')), said);
  } finally {
    server.child.kill('SIGTERM');
    await server.ended;
    rmSync(folder, { recursive: true, force: true });
  }
});
`;
}
