/** Entry of the writer thread for the step benchmark. */
import { runWriter } from '../../packages/server/src/platform/db/writer.ts';
import { jobsStore } from '../../packages/server/src/platform/jobs/store.ts';
import { begin, end } from './step-operations.ts';

runWriter({ operations: [...jobsStore.operations, begin as never, end as never] });
