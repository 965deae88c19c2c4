/** Which versions came of a run. The API has no such question, so the newest versions of the first models are looked through. */
import type { ModelVersion } from '@slipway/contract';
import { useQueries } from '@tanstack/react-query';
import { ask } from '../../api/client.ts';
import { useAsk } from '../../api/queries.ts';

const modelsMax = 20;
const versionsMax = 50;

export function useVersionsOfRun(run: string): readonly ModelVersion[] {
  const models = useAsk('models.list', { query: { limit: modelsMax } });
  const queries = useQueries({
    queries: (models.data?.items ?? []).map(({ name }) => {
      const request = { params: { model: name }, query: { limit: versionsMax } };
      return {
        queryKey: ['models.versions', request],
        queryFn: ({ signal }: { signal: AbortSignal }) => ask('models.versions', request, signal),
      };
    }),
  });
  return queries.flatMap(({ data }) => data?.items ?? []).filter((version) => version.runId === run);
}
