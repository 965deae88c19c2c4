/** What must be true of versions, gates, aliases, rollouts, predictions and labels when all is over. */
import type { Rollout, TrafficShare } from '@slipway/contract';
import type { RegistryTables } from '../../../packages/server/src/modules/registry/tables.ts';
import type { Serving } from '../../../packages/server/src/modules/serving/index.ts';
import type { ServingTables } from '../../../packages/server/src/modules/serving/rows.ts';
import type { LedgerTables } from '../../../packages/server/src/platform/ledger/store.ts';
import type { Bench } from '../scenario.ts';

/** What clients were told was done. */
export interface Acknowledged {
  /** Versions with the digest of their file. */
  readonly versions: Map<number, string>;
  /** Rollouts with their candidate. */
  readonly rollouts: Map<string, number>;
  readonly predictions: Map<string, number>;
  readonly labels: Map<string, number>;
}

interface Told {
  readonly seq: number;
  readonly at: number;
  readonly kind: string;
  readonly subject: string;
  readonly body: Readonly<Record<string, unknown>>;
}

async function eventsOf({ auditor }: Bench, kinds: readonly string[]): Promise<Told[]> {
  const rows = await auditor
    .read<LedgerTables>()
    .selectFrom('ledger_event')
    .select(['seq', 'at', 'kind', 'subject', 'body'])
    .where('kind', 'in', kinds)
    .orderBy('seq')
    .execute();
  return rows.map((row) => ({ ...row, body: JSON.parse(row.body) as Record<string, unknown> }));
}

export async function auditRegistry(bench: Bench, told: Acknowledged, model: string): Promise<string[]> {
  const tables = bench.auditor.read<RegistryTables>();
  const problems: string[] = [];
  const { id, last_number } = await tables
    .selectFrom('registry_model')
    .select(['id', 'last_number'])
    .where('name', '=', model)
    .executeTakeFirstOrThrow();
  const versions = await tables.selectFrom('registry_version').selectAll().where('model_id', '=', id).execute();
  const created = await eventsOf(bench, ['model.version-created']);
  const numbers = versions.map((v) => v.number).sort((a, b) => a - b);
  if (numbers.some((number, i) => number !== i + 1) || numbers.length !== last_number)
    problems.push(`the versions are ${numbers.join(', ')}, the last number given is ${last_number}`);
  for (const version of versions) {
    const files = await tables.selectFrom('registry_file').selectAll().where('version_id', '=', version.id).execute();
    if (files.length !== 1) problems.push(`version ${version.number} has ${files.length} files`);
    for (const file of files) {
      if ((await bench.objects.find(file.digest)) === undefined)
        problems.push(`version ${version.number} names ${file.digest}, which is not stored`);
    }
    const events = created.filter((event) => event.subject === version.uid).length;
    if (events !== 1) problems.push(`version ${version.number} has ${events} events of its creation`);
  }
  for (const [number, digest] of told.versions) {
    if (versions.find((v) => v.number === number)?.artifact_digest !== digest)
      problems.push(`version ${number} was acknowledged with other bytes`);
  }
  const gates = await tables.selectFrom('registry_gate').selectAll().where('model_id', '=', id).execute();
  const passed = new Set(gates.flatMap((gate) => (gate.passed === 1 && gate.number !== null ? [gate.number] : [])));
  for (const event of await eventsOf(bench, ['alias.moved'])) {
    if (!passed.has(Number(event.body['version'])))
      problems.push(
        `${String(event.body['alias'])} was moved to version ${String(event.body['version'])}, whose gate did not pass`,
      );
  }
  return problems;
}

/** While a rollout is on hold nothing promotes it: it is resumed first, or ends without. */
async function auditHolds(bench: Bench): Promise<string[]> {
  const moves = ['rollout.put-on-hold', 'rollout.resumed', 'rollout.advanced', 'rollout.promoted'];
  const held = new Set<string>();
  const problems: string[] = [];
  for (const { kind, subject } of await eventsOf(bench, moves)) {
    if (kind === 'rollout.put-on-hold' ? held.has(subject) : kind === 'rollout.resumed' && !held.has(subject))
      problems.push(`rollout ${subject}: ${kind} twice`);
    if (kind === 'rollout.put-on-hold') held.add(subject);
    else if (kind === 'rollout.resumed') held.delete(subject);
    else if (held.has(subject)) problems.push(`rollout ${subject} was on hold: ${kind}`);
  }
  return problems;
}

export async function auditRollouts(
  bench: Bench,
  told: Acknowledged,
  names: { readonly model: string; readonly endpoint: string },
): Promise<string[]> {
  const tables = bench.auditor.read<ServingTables>();
  const rollouts = await tables.selectFrom('serving_rollout').selectAll().orderBy('started_at').orderBy('id').execute();
  const deployments = await tables.selectFrom('serving_deployment').selectAll().orderBy('number').execute();
  const ends: readonly Rollout['state'][] = ['promoted', 'rolled-back', 'rejected', 'cancelled'];
  const events = await eventsOf(bench, [...ends.map((end) => `rollout.${end}`), 'rollout.started', 'alias.moved']);
  const problems = await auditHolds(bench);
  for (const id of told.rollouts.keys()) {
    if (!rollouts.some((r) => r.id === id)) problems.push(`rollout ${id} was acknowledged and is not there`);
  }
  for (const rollout of rollouts) {
    bench.world.note(`the rollout of version ${rollout.candidate} was ${rollout.state}`);
    const say = (problem: string): void => void problems.push(`rollout ${rollout.id} (${rollout.state}) ${problem}`);
    if (rollout.held_at !== null) say('is still on hold');
    if (rollout.finished_at === null || !(ends as readonly string[]).includes(rollout.state)) say('has not ended');
    const own = events.filter((event) => event.subject === rollout.id).map((event) => event.kind);
    if (own.join(' ') !== `rollout.started rollout.${rollout.state}`) say(`has the events ${own.join(' ')}`);
    const isPromoted = rollout.state === 'promoted';
    const last = deployments.findLast((d) => d.rollout === rollout.id);
    const traffic = JSON.parse(last?.traffic ?? '[]') as TrafficShare[];
    const wanted = [{ version: isPromoted ? rollout.candidate : rollout.incumbent, percent: 100 }];
    if (JSON.stringify(traffic) !== JSON.stringify(wanted)) say(`left the traffic ${JSON.stringify(traffic)}`);
    const moved = events.filter((e) => e.kind === 'alias.moved' && String(e.body['reason']).includes(rollout.id));
    if (moved.length !== (isPromoted ? 1 : 0)) say(`moved the alias ${moved.length} times`);
    const end = events.find((event) => event.kind === 'rollout.promoted' && event.subject === rollout.id);
    if (end !== undefined && moved[0]?.at !== end.at) say('moved alias and traffic in different commits');
  }
  deployments.forEach((deployment, i) => {
    if (deployment.number !== i + 1) problems.push(`deployment ${i + 1} is missing`);
  });
  const row = await tables
    .selectFrom('serving_endpoint')
    .selectAll()
    .where('name', '=', names.endpoint)
    .executeTakeFirstOrThrow();
  if (row.deployment !== deployments.length) problems.push(`the endpoint stands at deployment ${row.deployment}`);
  const serves = (JSON.parse(deployments.at(-1)?.traffic ?? '[]') as TrafficShare[])[0]?.version;
  const champion = events.findLast((event) => event.kind === 'alias.moved')?.body['version'];
  if (champion !== serves)
    problems.push(`champion is version ${String(champion)}, the traffic is on version ${serves}`);
  return problems;
}

/** What a server that was started anew answers about what was acknowledged. */
export async function auditStored(serving: Serving, told: Acknowledged): Promise<string[]> {
  const problems: string[] = [];
  const everything = { from: 0, to: Number.MAX_SAFE_INTEGER, rowsMax: Infinity, features: false };
  const { ids, score: scores, label: labels } = await serving.readLabelled('delay', everything);
  const records = new Map(ids.map((id, row) => [id, { score: scores[row], label: labels[row] }]));
  for (const [id, score] of told.predictions) {
    const found = records.get(id);
    if (found === undefined) problems.push(`prediction ${id} was answered and is not in the log`);
    else if (found.score !== score)
      problems.push(`prediction ${id} was answered with ${score}, the log says ${found.score}`);
  }
  for (const [id, value] of told.labels) {
    if (records.get(id)?.label !== value) problems.push(`the label ${value} of ${id} was acknowledged and is lost`);
  }
  return problems;
}
