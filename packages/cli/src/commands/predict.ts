import { Instance, instancesPerRequestMax } from '@slipway/contract';
import type { Prediction } from '@slipway/contract';
import type { Command } from 'commander';
import { z } from 'zod';
import { instantOf, nameOf, readJsonFile, usage, valuesOf } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action } from '../command.ts';
import { table } from '../output.ts';

interface Flags {
  readonly input?: string[];
  readonly file?: string;
  readonly at?: number;
  readonly try?: boolean;
}

export function register(program: Command): void {
  program
    .command('predict')
    .description('Ask an endpoint for predictions')
    .argument('<endpoint>', '', nameOf('endpoint'))
    .option('--input <name=value...>', 'one instance; values are JSON, or text')
    .option('--file <path>', 'a JSON array of instances {"inputs": {…}, "id"?, "at"?}, or "-" for standard input')
    .option('--at <instant>', 'event time of the instance; now unless said', instantOf('--at'))
    .option('--try', 'score one instance by every loaded version; nothing is logged or counted')
    .addHelpText(
      'after',
      `\nExamples:\n  slipway predict flight-delay --input origin=JFK dest=LAX carrier=AA flight=1 aircraft=N328AA sched_dep=2013-07-01T13:00:00Z block=370 miles=2475 --at 2013-07-01T11:00:00Z\n  slipway predict flight-delay --file instances.json\n  slipway predict flight-delay --try --input origin=JFK dest=LAX carrier=AA flight=1 aircraft=N328AA sched_dep=2013-07-01T13:00:00Z block=370 miles=2475\n  echo '[{"inputs": {"x": 1.5}}]' | slipway predict churn --file - --json\n`,
    )
    .action(
      action(async ({ client, output }, endpoint: string, flags: Flags) => {
        const instances = await instancesOf(flags);
        if (flags.try === true) return tryOne({ client, output }, endpoint, instances);
        // One request takes a bounded number of instances; a file may hold more.
        const predictions = [];
        for (let i = 0; i < instances.length; i += instancesPerRequestMax) {
          output.progress(`${i} of ${instances.length} predicted`);
          const body = { instances: instances.slice(i, i + instancesPerRequestMax) };
          predictions.push(...(await client.endpoints.predict({ params: { endpoint }, body })).predictions);
        }
        const answers = predictions.map(answerOf);
        const hasAnswers = answers.some((answer) => answer !== '');
        const head = ['PREDICTION', 'SCORE', 'VERSION', ...(hasAnswers ? ['ANSWER'] : [])];
        const rows = predictions.map((p, i) =>
          [p.id, p.score.toFixed(6), String(p.version), answers[i] ?? ''].slice(0, head.length),
        );
        output.result({ predictions }, () => table(head, rows));
      }),
    );
}

/** What there is beside the score: the label of several classes, or the quantiles. */
function answerOf({ label, quantiles }: Prediction): string {
  if (label !== undefined) return String(label);
  return Object.entries(quantiles ?? {})
    .map(([level, value]) => `${level}: ${value.toPrecision(6)}`)
    .join('  ');
}

async function tryOne(
  { client, output }: Pick<Session, 'client' | 'output'>,
  endpoint: string,
  [instance, ...more]: readonly Instance[],
): Promise<void> {
  if (instance === undefined || more.length > 0) throw usage('--try takes one instance');
  const { inputs, at } = instance;
  const trial = await client.endpoints.try({
    params: { endpoint },
    body: { inputs, ...(at === undefined ? {} : { at }) },
  });
  const rows = trial.answers.map((a) => [
    String(a.version),
    a.role,
    `${a.percent} %`,
    a.score?.toFixed(6) ?? '-',
    a.problem ?? '',
  ]);
  output.result(trial, () => table(['VERSION', 'ROLE', 'TRAFFIC', 'SCORE', 'PROBLEM'], rows));
  output.note('Not logged and not counted.');
}

async function instancesOf(flags: Flags): Promise<Instance[]> {
  if (flags.file !== undefined) {
    if (flags.input !== undefined || flags.at !== undefined)
      throw usage('--file has whole instances: leave --input and --at out, and put "at" into the file');
    const name = flags.file === '-' ? 'standard input' : flags.file;
    const parsed = z
      .array(Instance)
      .min(1)
      .safeParse(await readJsonFile('--file', flags.file));
    if (!parsed.success) throw usage(`${name} is no array of instances: ${firstIssue(parsed.error)}`);
    return parsed.data;
  }
  if (flags.input === undefined) throw usage('name the inputs with --input name=value …, or a file with --file');
  const inputs = valuesOf('--input', flags.input);
  const parsed = Instance.safeParse({ inputs, ...(flags.at === undefined ? {} : { at: flags.at }) });
  if (!parsed.success) throw usage(`--input does not fit: ${firstIssue(parsed.error)}`);
  return [parsed.data];
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  const place = issue?.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('') ?? '';
  return `${place === '' ? '' : `${place.replace(/^\./, '')}: `}${issue?.message ?? 'wrong shape'}`;
}
