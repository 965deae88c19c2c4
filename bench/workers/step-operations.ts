/** The writes of the step benchmark: a step's end and its successor in one commit, as pipelines record them. */
import { operation } from '../../packages/server/src/platform/db/db.ts';
import { enqueue } from '../../packages/server/src/platform/jobs/enqueue.ts';
import { finishJob } from '../../packages/server/src/platform/jobs/leases.ts';

const deadlineMs = 60_000;

export interface StepInput {
  readonly subject: string;
  /** Steps that follow. */
  readonly left: number;
}

export const begin = operation('bench.begin', async (trx, input: StepInput): Promise<number> =>
  enqueue(trx, { kind: 'bench-step', subject: input.subject, payload: { left: input.left }, deadlineMs }),
);

export const end = operation(
  'bench.end',
  async (trx, input: StepInput & { readonly id: number; readonly fence: number }): Promise<void> => {
    const { subject, left } = input;
    await finishJob(trx, { id: input.id, fence: input.fence });
    await trx.emit({ kind: 'step.finished', actor: 'system', subject, body: { left } });
    if (left > 0) {
      await enqueue(trx, { kind: 'bench-step', subject, payload: { left: left - 1 }, deadlineMs });
    }
  },
);
