/** Changes made through the API while somebody looks at the console. */
import type { Client } from 'slipway';

/** Requests at a time. */
const together = 8;
/** Twenty a second. */
const everyMs = 50;

/** Makes events of several nouns; answers how many. */
export async function changeSomething(
  client: Client,
  part: { readonly from: number; readonly count: number },
): Promise<number> {
  let events = 0;
  for (let i = part.from; events < part.count; i += together) {
    const made = await Promise.all(
      Array.from({ length: together }, async (_, k) => {
        const name = `bench-${(i + k) % 100}-${i + k}`;
        if ((i + k) % 2 === 0) await client.models.create({ body: { name } });
        else await client.experiments.create({ body: { name } });
        return 1;
      }),
    );
    events += made.length;
  }
  return events;
}

/** Logs one point of three metrics and waits until the next is due. */
export async function logMetrics(client: Client, run: string, step: number): Promise<void> {
  const value = 1 / (1 + step / 100);
  const metrics = [
    { key: 'loss', value, step },
    { key: 'auc', value: 1 - value, step },
    { key: 'rate', value: Math.sin(step / 20), step },
  ];
  await client.runs.log({ params: { run }, body: { metrics } });
  await new Promise((resolve) => setTimeout(resolve, everyMs));
}
