import type { FeatureState } from '@slipway/contract';
import type { Command } from 'commander';
import { instantOf, nameOf, textsOf, valuesOf } from '../arguments.ts';
import type { Session } from '../command.ts';
import { action } from '../command.ts';
import type { PageFlags } from '../listing.ts';
import { paged, pageQuery, showPage } from '../listing.ts';
import { count, instant, paint, seconds, table } from '../output.ts';

const set = nameOf('feature set');

export function register(program: Command): void {
  const feature = program.command('feature').description('Feature sets: definitions, the online state, its values');
  paged(feature.command('list').description('The feature sets with their services'))
    .addHelpText('after', '\nExample:\n  slipway feature list\n')
    .action(
      action(async (session, flags: PageFlags) => {
        showPage(session, await session.client.featureSets.list({ query: pageQuery(flags) }), {
          head: ['SET', 'PROJECT', 'SERVICES', 'APPLIED'],
          empty:
            'No feature sets yet. slipway.yaml names their files under `features:`; `slipway apply` brings them here.',
          row: (s) => [s.name, s.project ?? '-', s.services.join(' '), instant(s.updatedAt)],
        });
      }),
    );
  feature
    .command('show')
    .description('One feature set: services, features in the order of the vector, the online state')
    .argument('<set>', '', set)
    .addHelpText('after', '\nExample:\n  slipway feature show flights\n')
    .action(
      action(async ({ client, output }, name: string) => {
        const found = await client.featureSets.get({ params: { set: name } });
        output.result(found, () => {
          const services = found.services.map((service) => {
            const rows = service.features.map((f) => [f.name, f.view, f.expression]);
            return `${paint('bold', service.name)} ${service.digest}\n${table(['FEATURE', 'VIEW', 'WHAT'], rows)}`;
          });
          return [drawState(name, found.state), ...services].join('\n\n');
        });
      }),
    );
  backfill(feature);
  read(feature);
}

function backfill(feature: Command): void {
  feature
    .command('backfill')
    .description('Fill the online state from dataset versions, up to an instant; replaces what was there')
    .argument('<set>', '', set)
    .requiredOption('--until <instant>', 'rows known up to this instant', instantOf('--until'))
    .option('--table <table=dataset...>', 'which dataset version feeds a table; <table>@latest unless said')
    .addHelpText(
      'after',
      '\nExample:\n  slipway feature backfill flights --until 2013-04-01T04:00:00Z --table weather=weather@3\n',
    )
    .action(
      action(async (session, name: string, o: { until: number; table?: string[] }) => {
        const { client, output } = session;
        session.leaves('the server fills the state to its end; `slipway feature show` says when it is ready');
        const startedAt = performance.now();
        const ticker = setInterval(
          () => output.progress(`filling the online state of ${name}: ${seconds(performance.now() - startedAt)}`),
          tickMs,
        );
        try {
          const body = { until: o.until, tables: textsOf('--table', o.table ?? []) };
          const state = await client.featureSets.backfill(
            { params: { set: name }, body },
            { timeoutMs: longTimeoutMs },
          );
          output.result(state, () => drawState(name, state));
        } finally {
          clearInterval(ticker);
        }
      }),
    );
}

const tickMs = 200;
const longTimeoutMs = 3_600_000;

interface ReadFlags {
  readonly key?: string[];
  readonly request?: string[];
  readonly at?: number;
}

function read(feature: Command): void {
  feature
    .command('read')
    .description('The values of a service for one set of keys, as a prediction would get them')
    .argument('<set>', '', set)
    .argument('<service>', '', nameOf('feature service'))
    .option('--key <name=value...>', 'entity keys; values are JSON, or text')
    .option('--request <name=value...>', 'request inputs; values are JSON, or text')
    .option('--at <instant>', 'event time; now unless said. The state never looks back', instantOf('--at'))
    .addHelpText(
      'after',
      '\nExample:\n  slipway feature read flights delay_risk --key origin=JFK dest=LAX carrier=AA flight=1 \\\n    --request sched_dep=2013-04-02T13:00:00Z block=370 miles=2475 --at 2013-04-02T11:00:00Z\n',
    )
    .action(
      action(async ({ client, output }: Session, name: string, service: string, flags: ReadFlags) => {
        const vector = await client.featureSets.read({
          params: { set: name, service },
          body: {
            keys: scalars('--key', flags.key),
            request: scalars('--request', flags.request),
            ...(flags.at === undefined ? {} : { at: flags.at }),
          },
        });
        const rows = vector.names.map((feature, i) => [feature, String(vector.values[i] ?? '-')]);
        output.result(vector, () => `as of ${instant(vector.at)}\n${table(['FEATURE', 'VALUE'], rows)}`);
      }),
    );
}

/** Keys and inputs are single values; anything else is sent as the text that was typed, and the server says what fits. */
function scalars(option: string, pairs: readonly string[] = []): Record<string, string | number | boolean | null> {
  const entries = Object.entries(valuesOf(option, pairs));
  return Object.fromEntries(entries.map(([k, v]) => [k, typeof v === 'object' && v !== null ? JSON.stringify(v) : v]));
}

function drawState(name: string, state: FeatureState): string {
  const colour = { ready: 'green', filling: 'cyan', empty: 'yellow', failed: 'red' } as const;
  const stands = state.nowAt === undefined ? '' : `, stands at ${instant(Math.floor(state.nowAt))}`;
  const head = `online state of ${paint('bold', name)}: ${paint(colour[state.status], state.status)}${stands}${state.problem === undefined ? '' : ` (${state.problem})`}`;
  const rows = Object.entries(state.sources).map(([source, s]) => [
    source,
    s.rows.toLocaleString('en-US'),
    s.keys.toLocaleString('en-US'),
    s.lateRows.toLocaleString('en-US'),
  ]);
  if (state.status === 'empty') return `${head}\n\`slipway feature backfill ${name} --until INSTANT\` fills it.`;
  const total = Object.values(state.sources).reduce((n, s) => n + s.rows, 0);
  return `${head}, ${count(total, 'row')}\n${table(['SOURCE', 'ROWS', 'KEYS', 'LATE ROWS'], rows)}`;
}
