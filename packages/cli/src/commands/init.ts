import { basename, relative, resolve } from 'node:path';
import { FileName } from '@slipway/contract';
import type { Command } from 'commander';
import { Option } from 'commander';
import { lengthMs, lengthOf } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action, CommandFailure } from '../command.ts';
import { planRules } from '../init/expectations.ts';
import type { Findings } from '../init/findings.ts';
import { findingsText, writtenText } from '../init/findings.ts';
import type { Wanted } from '../init/history.ts';
import { findHistory, withHistory } from '../init/history.ts';
import type { Answers } from '../init/inspect-table.ts';
import { costsOf, inspectTable } from '../init/inspect-table.ts';
import type { LoadedTable } from '../init/load-table.ts';
import { loadTable } from '../init/load-table.ts';
import { plainName } from '../init/names.ts';
import { nextCommands, projectFiles, projectPaths } from '../init/project-files.ts';
import { mustHaveColumns } from '../init/python-files.ts';
import { refusesQuestions, takesProposals, terminalAsker } from '../init/questions.ts';
import { mixedSample } from '../init/sample.ts';
import type { Scratch } from '../init/scratch.ts';
import { openScratch } from '../init/scratch.ts';
import type { WriteRequest } from '../init/write-project.ts';
import { mustBeFree, writeProject } from '../init/write-project.ts';

interface Flags extends Answers {
  readonly from: string;
  readonly table?: string;
  readonly query?: string;
  readonly python?: boolean;
  /** Undefined where neither --features nor --no-features was given. */
  readonly features?: boolean;
  readonly outcomeAfter?: string;
  readonly dir?: string;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export function register(program: Command): void {
  program
    .command('init')
    .description('Make a project folder from a table: what it holds, what can be learnt, how that is checked')
    .argument('<name>', 'name of the project and of its new folder')
    .requiredOption(
      '--from <path>',
      'a CSV, Parquet or JSON lines file, a folder of one kind, a DuckDB or SQLite file, or a postgres:// URL',
    )
    .option('--target <column>', 'the column to predict')
    .addOption(
      new Option('--task <task>', 'what kind of question it is, when the column could be either').choices([
        'binary',
        'multiclass',
        'regression',
      ]),
    )
    .option('--time <column>', 'when a row came about; the latest are held out ("none": do not split by time)')
    .option(
      '--group <column>',
      'what several rows belong to; whole groups are held out ("none": rows are on their own)',
    )
    .option('--drop <column...>', 'columns that no model may see, such as what is known only after the outcome')
    .option('--cost <false-alarm:missed>', 'what the two mistakes cost, such as 1:5', costsOf)
    .option('--table <name>', 'the table of a database')
    .option('--query <select>', 'the rows of a database, as a SELECT')
    .option(
      '--python',
      'learn in train.py, with scikit-learn and the MLflow client, instead of the trainer that is built in',
    )
    .option('--features', 'write features.yaml whether or not features of earlier rows help')
    .option('--no-features', 'learn from each row alone')
    .option(
      '--outcome-after <length>',
      'how long after its time the outcome of a row is known, such as 30d: earlier outcomes become features',
      lengthOf('--outcome-after'),
    )
    .option('--dir <folder>', 'where the project is written (a new folder of its name)')
    .option('--yes', 'take the proposed answer of every question')
    .option('--force', 'overwrite files that are there')
    .option('--dry-run', 'say what was found and write nothing')
    .addHelpText(
      'after',
      `\nExamples:\n  slipway init churn --from customers.csv --target churned\n  slipway init churn --from customers.csv --yes --dry-run --json\n  slipway init churn --from customers.csv --target churned --python --yes\n  slipway init churn --from shop.db --table customers --target churned --cost 1:5 --yes\n  slipway init churn --from postgres://reader@db/shop --query "select * from customers where year = 2025" --target churned --yes\n\nExits 2 when an option is wrong, 3 when the file or table does not exist, 1 when the table cannot be used; then nothing is written.\n`,
    )
    .action(action((session, name: string, flags: Flags) => init(session, name, flags)));
}

async function init(session: Session, name: string, flags: Flags): Promise<void> {
  const { output } = session;
  session.leaves('nothing was written');
  const asker = flags.yes === true ? takesProposals : process.stdin.isTTY === true ? terminalAsker() : refusesQuestions;
  await using scratch = await openScratch(output);
  session.undo(() => scratch.stop());
  try {
    const project = plainName(name, 'project');
    if (project !== name) output.note(`The project is called "${project}".`);
    if (flags.table !== undefined && flags.query !== undefined)
      throw new CommandFailure('usage', 'give --table or --query, not both');
    if (flags.dryRun !== true && flags.force !== true)
      await mustBeFree(flags.dir ?? project, projectPaths({ isPython: flags.python === true }));
    const table = await scratch.during(`reading ${shownSource(flags.from)}`, () => loadTable(scratch, flags));
    const found = await inspectTable({ scratch, table, project, answers: flags, asker });
    const history = await scratch.during('asking what earlier rows tell', () =>
      findHistory({
        scratch,
        parquet: table.parquet,
        findings: found,
        wanted: wantedOf(flags),
        outcomeAfterMs: flags.outcomeAfter === undefined ? undefined : lengthMs(flags.outcomeAfter),
      }),
    );
    const findings = withHistory(found, history);
    if (flags.python === true) mustHaveColumns(findings);
    if (flags.dryRun === true) return output.result({ findings }, () => findingsText(findings));
    if (!output.json) output.note(`${findingsText(findings)}\n`);
    const written = await write({ scratch, table, findings, flags });
    output.result({ findings, ...written }, () => writtenText(written));
  } finally {
    asker.close();
  }
}

/** Never a password. */
const shownSource = (from: string): string => (from.includes('://') ? 'rows of a database' : basename(from));

function wantedOf({ features, python }: Flags): Wanted {
  if (features === false) return 'never';
  if (python !== true) return features === true ? 'always' : 'where they help';
  if (features === true)
    throw new CommandFailure('usage', '--features and --python: train.py learns from each row alone; give one of them');
  return 'not in Python';
}

interface Writing {
  readonly scratch: Scratch;
  readonly table: LoadedTable;
  readonly findings: Findings;
  readonly flags: Flags;
}

async function write({ scratch, table, findings, flags }: Writing) {
  const folder = flags.dir ?? findings.project;
  const isPython = flags.python === true;
  const isAsIs = table.asIs !== undefined && FileName.safeParse(basename(table.asIs)).success;
  const copied = `data/${findings.dataset}.parquet`;
  const dataPath = isAsIs && table.asIs !== undefined ? relative(resolve(folder), resolve(table.asIs)) : copied;
  const copies = isAsIs ? [] : [{ path: copied, from: table.parquet }];
  const recipe = table.recipe === undefined ? undefined : { dataset: findings.dataset, ...table.recipe };
  const sample = await mixedSample(scratch, findings);
  const rules = await scratch.during('planning expectations', () => planRules(scratch, findings, table.parquet));
  const request: WriteRequest = {
    folder,
    files: projectFiles({ findings, rules, sample, dataPath, isPython, recipe }),
    copies,
    force: flags.force === true,
  };
  const files = await scratch.during(`writing ${folder}`, () => writeProject(request));
  return {
    folder,
    files,
    commands: [
      ...(resolve(folder) === resolve('.') ? [] : [`cd ${folder}`]),
      // In the environment of the server, whose Python runs train.py.
      ...(isPython ? ['python3 -m pip install -r requirements.txt'] : []),
      ...nextCommands(findings, dataPath),
    ],
  };
}
