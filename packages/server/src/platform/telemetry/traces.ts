/**
 * Request spans out, as OTLP/HTTP JSON (opentelemetry-proto 1.x, `/v1/traces`), when an endpoint is configured. The request
 * id is the trace id, so a log line, an error answer and a span share one name. Spans wait in a bounded buffer; when the
 * collector is away the oldest go first and are counted.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

export interface Span {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly name: string;
  readonly startAt: number;
  readonly endAt: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly failed: boolean;
}

export interface Traces {
  readonly record: (span: Span) => void;
  readonly dropped: () => number;
  readonly stop: () => Promise<void>;
}

const maxWaiting = 2048;
const flushEveryMs = 2000;

export function createTraces(options: { endpoint: string | undefined; clock: Clock; log: Log }): Traces {
  const endpoint = options.endpoint;
  if (endpoint === undefined) return { record: () => undefined, dropped: () => 0, stop: async () => undefined };
  let waiting: Span[] = [];
  let dropped = 0;
  let cancel: (() => void) | undefined;
  const flush = async (): Promise<void> => {
    cancel?.();
    cancel = undefined;
    const spans = waiting;
    waiting = [];
    if (spans.length === 0) return;
    try {
      await post(`${endpoint.replace(/\/$/, '')}/v1/traces`, JSON.stringify(encode(spans)));
    } catch (error) {
      dropped += spans.length;
      options.log.warn('spans could not be delivered', { endpoint, spans: spans.length, error });
    }
  };
  return {
    record: (span) => {
      if (waiting.length >= maxWaiting) {
        waiting.shift();
        dropped++;
      }
      waiting.push(span);
      cancel ??= options.clock.after(flushEveryMs, () => void flush());
    },
    dropped: () => dropped,
    stop: flush,
  };
}

const attribute = (key: string, value: string | number): unknown => ({
  key,
  value: typeof value === 'number' ? { intValue: String(Math.round(value)) } : { stringValue: value },
});

function encode(spans: readonly Span[]): unknown {
  return {
    resourceSpans: [
      {
        resource: { attributes: [attribute('service.name', 'slipway')] },
        scopeSpans: [
          {
            scope: { name: 'slipway.http' },
            spans: spans.map((s) => ({
              traceId: s.traceId,
              spanId: s.spanId,
              name: s.name,
              kind: 2,
              startTimeUnixNano: `${Math.round(s.startAt * 1000)}000`,
              endTimeUnixNano: `${Math.round(s.endAt * 1000)}000`,
              attributes: Object.entries(s.attributes).map(([k, v]) => attribute(k, v)),
              status: { code: s.failed ? 2 : 1 },
            })),
          },
        ],
      },
    ],
  };
}

function post(url: string, body: string): Promise<void> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      { method: 'POST', headers: { 'content-type': 'application/json' }, timeout: 5000 },
      (answer) => {
        answer.resume();
        answer.on('end', () =>
          (answer.statusCode ?? 500) < 300 ? resolve() : reject(new Error(`collector answered ${answer.statusCode}`)),
        );
      },
    );
    request.on('timeout', () => request.destroy(new Error('collector did not answer within 5000 ms')));
    request.on('error', reject);
    request.end(body);
  });
}
