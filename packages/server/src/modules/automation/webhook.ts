/** Posts what a policy has to say to a URL that a project declares. Redirects are not followed: the declared address is the one. */
import { SlipwayError } from '@slipway/contract';
import type { AutomationPorts } from './service.ts';

const timeoutMs = 10_000;

/** @param fetcher the process's own `fetch`, or a test's. */
export function createWebhook(fetcher: typeof fetch): AutomationPorts['postWebhook'] {
  return async ({ url, body, idempotencyKey }) => {
    let answer: Response;
    try {
      answer = await fetcher(url, {
        method: 'POST',
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
        body: JSON.stringify(body),
      });
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new SlipwayError('webhook_unreachable', { url, problem }, { cause });
    }
    await answer.body?.cancel();
    if (answer.ok) return { status: answer.status };
    if (answer.status >= 500 || answer.status === 429) {
      throw new SlipwayError('webhook_unreachable', { url, problem: `it answered ${answer.status}` });
    }
    throw new SlipwayError('webhook_refused', { url, status: answer.status });
  };
}
