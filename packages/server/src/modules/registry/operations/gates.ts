import type { GateSpec } from '@slipway/contract';
import { GateEvidence, SlipwayError } from '@slipway/contract';
import type { Trx } from '../../../platform/db/db.ts';
import { operation } from '../../../platform/db/db.ts';
import type { GateVerdict } from '../gate.ts';
import { judgeGate } from '../gate.ts';
import type { RegistryTables } from '../tables.ts';
import type { ModelRow } from './models.ts';
import { mustModelRow } from './models.ts';

/** What `declareModel` stored. */
export const gateSpecOf = (model: { readonly gate: string | null }): GateSpec | undefined =>
  model.gate === null ? undefined : (JSON.parse(model.gate) as GateSpec);

export async function aliasNumber(trx: Trx, modelId: number, alias: string): Promise<number | undefined> {
  const row = await trx
    .tables<RegistryTables>()
    .selectFrom('registry_alias')
    .select('number')
    .where('model_id', '=', modelId)
    .where('alias', '=', alias)
    .executeTakeFirst();
  return row?.number;
}

export interface NewGate {
  readonly uid: string;
  readonly model: string;
  readonly runId: string | undefined;
  readonly candidate: string | undefined;
  readonly evidence: GateEvidence;
  readonly actor: string;
}

export const recordGate = operation('registry.judge-gate', async (trx, input: NewGate): Promise<GateVerdict> => {
  const model = await mustModelRow(trx, input.model);
  const spec = gateSpecOf(model);
  if (spec === undefined || model.gate_digest === null)
    throw new SlipwayError('gate_undeclared', { model: input.model });
  const champion = await aliasNumber(trx, model.id, spec.protected[0] ?? 'champion');
  const verdict = judgeGate(spec, input.evidence, champion);
  await trx
    .tables<RegistryTables>()
    .insertInto('registry_gate')
    .values({
      uid: input.uid,
      model_id: model.id,
      passed: verdict.passed ? 1 : 0,
      spec_digest: model.gate_digest,
      checks: JSON.stringify(verdict.checks),
      evidence: JSON.stringify(input.evidence),
      run_uid: input.runId ?? null,
      candidate: input.candidate ?? null,
      number: null,
      created_at: trx.now,
      created_by: input.actor,
    })
    .execute();
  await trx.emit({
    kind: 'gate.evaluated',
    actor: input.actor,
    subject: input.uid,
    body: {
      model: input.model,
      passed: verdict.passed,
      runId: input.runId ?? null,
      candidate: input.candidate ?? null,
      specDigest: model.gate_digest,
      failed: verdict.checks.filter((c) => !c.passed).map((c) => c.sentence),
    },
  });
  return verdict;
});

/**
 * Refuses unless the version's gate passed, when the model declares a gate that protects this alias. Judged again, its
 * evidence has to meet the bounds of now, against the champion of then: the move may be one back to an older version.
 */
export async function checkProtected(
  trx: Trx,
  model: ModelRow,
  alias: string,
  version: { readonly number: number; readonly gate_uid: string | null; readonly isJudgedAgain?: boolean },
): Promise<void> {
  const spec = gateSpecOf(model);
  if (spec === undefined || !spec.protected.includes(alias)) return;
  const refuse = (problem: string): never => {
    throw new SlipwayError('gate_not_passed', { alias, model: model.name, version: version.number, problem });
  };
  if (version.gate_uid === null) return refuse('no gate was judged for it.');
  const gate = await trx
    .tables<RegistryTables>()
    .selectFrom('registry_gate')
    .select(['passed', 'checks', 'evidence', 'spec_digest'])
    .where('uid', '=', version.gate_uid)
    .executeTakeFirst();
  if (gate?.passed === 1) {
    if (version.isJudgedAgain !== true || gate.spec_digest === model.gate_digest) return;
    const evidence = GateEvidence.parse(JSON.parse(gate.evidence));
    const failed = judgeGate(spec, evidence, evidence.paired?.champion).checks.find((check) => !check.passed);
    if (failed === undefined) return;
    return refuse(`the gate was declared anew since, and now ${failed.sentence}`);
  }
  // Written by `recordGate`.
  const checks = JSON.parse(gate?.checks ?? '[]') as { readonly passed: boolean; readonly sentence: string }[];
  refuse(checks.find((check) => !check.passed)?.sentence ?? 'its gate is gone.');
}
