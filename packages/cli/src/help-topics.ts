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
