/** Which registered versions came of a run, newest first. */
import type { ModelVersion } from '@slipway/contract';
import { useAsk } from '../../api/queries.ts';

const versionsMax = 50;
const none: readonly ModelVersion[] = [];

export function useVersionsOfRun(run: string): readonly ModelVersion[] {
  return useAsk('modelVersions.list', { query: { runId: run, limit: versionsMax } }).data?.items ?? none;
}
