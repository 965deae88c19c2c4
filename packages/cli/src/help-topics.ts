/** `slipway help <topic>`: what belongs to no single command. */
import { exitCodes } from './exit-codes.ts';

const rows = (pairs: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...pairs.map(([left]) => left.length));
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
};

const topics: Readonly<Record<string, () => string>> = {
  'exit-codes': () => `Exit codes:\n${rows(Object.values(exitCodes).map((row) => [String(row.code), row.meaning]))}\n`,
  environment: () =>
    `Environment:\n${rows([
      ['SLIPWAY_URL', 'address of the server; --url wins over it (default http://127.0.0.1:7700)'],
      ['SLIPWAY_TOKEN', 'API token; --token wins over it. On the machine of the server the owner needs none'],
      ['TZ', 'the zone in which times are printed; every printed time carries its offset'],
      ['NO_COLOR', 'set to anything: no colours'],
      ['SLIPWAY_DIR, SLIPWAY_PORT, SLIPWAY_HOST', 'what `slipway up` takes when its flags are not given'],
      ['SLIPWAY_DATABASE_URL', 'postgres://… of a server that keeps its tables there; --database wins over it'],
      ['SLIPWAY_ALLOWED_HOSTS', 'host names, with commas, under which a server is reached besides its address'],
      ['SLIPWAY_STEP_SLOTS', 'steps of pipelines that a server runs at once (default 2)'],
      ['SLIPWAY_ANALYTICS_MEMORY', 'memory of its scans of data, as 4GB (default 1GB)'],
      ['SLIPWAY_ANALYTICS_THREADS', 'threads of its scans of data (default 2)'],
      ['SLIPWAY_PYTHON', 'the Python that its steps and Python models use (default python3)'],
      ['SLIPWAY_LOG_LEVEL', 'debug, info, warn or error (default info)'],
      ['OTEL_EXPORTER_OTLP_ENDPOINT', 'where a server sends its traces; nowhere unless set'],
    ])}\n`,
  output: () =>
    [
      'Output:',
      '  Results go to standard output; progress, notes and errors go to standard error.',
      '  --json prints one JSON value on standard output, the answer of the API as docs/generated/openapi.json has it:',
      '  lists are {"items": […], "nextPageToken"?}, times are milliseconds since 1970 UTC, ids and digests are whole.',
      '  Verbs that follow something (`ledger follow`, `pipeline log --follow`) print one JSON value a line.',
      '  An error is {"error": {"code", "message", "retryable", "details"}} on standard error, and the exit code says its kind.',
      '  Lists take --limit and --page-token; the note "There is more" has the token of the next page.',
      '',
    ].join('\n'),
};

export const topicNames: readonly string[] = Object.keys(topics);

export function findTopic(name: string | undefined): string | undefined {
  return name === undefined || !Object.hasOwn(topics, name) ? undefined : topics[name]?.();
}
