/** A TypeScript client of one endpoint: one file without dependencies, for Node, Deno, Bun and browsers. */
import type { EndpointInterface } from '@slipway/contract';
import { instancesPerRequestMax } from '@slipway/contract';
import type { InputType } from './interface.ts';
import { answerSentence } from './openapi.ts';

const types: Readonly<Record<InputType, string>> = {
  number: 'number | null',
  text: 'string | null',
  boolean: 'boolean | null',
  instant: 'string | number | null',
};

/** Of JSON, and of source: no line may end early, no comment may be closed. */
const literal = (value: unknown): string =>
  JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
const prose = (text: string): string => text.replaceAll('*/', '* /').replaceAll(/\s+/g, ' ');
const unionOf = (names: readonly (string | number)[]): string => names.map(literal).join(' | ') || 'never';

export function typescriptClient(endpoint: EndpointInterface, url: string): string {
  const { inputs, sample } = endpoint;
  const example = sample.at === undefined ? '' : `, { at: ${sample.at} }`;
  return `/**
 * Client of the endpoint ${prose(endpoint.endpoint)}, which serves ${prose(`${endpoint.model}/${endpoint.version}`)}. Written by Slipway:
 * \`slipway endpoint client ${endpoint.endpoint} --language typescript\` writes it again. No dependencies.
 *
 *   const client = createClient({ token });
 *   const { score } = await client.predict(sample${example});
 */

/** Every input is named; null is a missing one.${inputs.some(({ type }) => type === 'instant') ? ' Instants are ISO 8601, or milliseconds since 1970 UTC.' : ''} */
export interface Inputs {
${inputs.map(({ name, type }) => `  readonly ${literal(name)}: ${types[type]};`).join('\n')}
}

export interface RowOptions {
  /** Your own id of the row: rows of one id go to one version, and outcomes can name it. */
  readonly id?: string;
  /** Event time, milliseconds since 1970 UTC; now unless said. */
  readonly at?: number;
}

export interface Row extends RowOptions {
  readonly inputs: Inputs;
}

export interface Prediction {
  /** Outcomes can name it. */
  readonly id: string;
  /** ${prose(answerSentence(endpoint))} Null where the model has none. */
  readonly score: number | null;
  /** The version that answered. */
  readonly version: number;
${detailMembers(endpoint)}}

/** One of the two ids names the prediction: its own, or yours, of which the newest made up to \`at\` is meant. */
export type Outcome = ({ readonly predictionId: string } | { readonly instanceId: string }) & {
  readonly value: ${endpoint.answer.kind === 'number' || endpoint.answer.kind === 'quantiles' ? 'number' : 'number | string'};
  /** When it was known, milliseconds since 1970 UTC. */
  readonly at: number;
};

export interface OutcomeCounts {
  readonly joined: number;
  readonly corrected: number;
  readonly repeated: number;
  /** Without a prediction; they are not kept. */
  readonly unknown: number;
}

${callingPart(endpoint, url)}`;
}

const callingPart = (endpoint: EndpointInterface, url: string): string => `export class EndpointError extends Error {
  readonly status: number;
  readonly code: string;
  /** The same request may be answered later. */
  readonly retryable: boolean;
  constructor(status: number, code: string, message: string, retryable: boolean) {
    super(message);
    this.name = 'EndpointError';
    this.status = status;
    this.code = code;
    this.retryable = retryable;
  }
}

export interface ClientOptions {
  readonly url?: string;
  readonly token?: string | undefined;
  /** Of one request; 10,000 unless said. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof fetch;
}

/** A row that the endpoint answers. */
export const sample: Inputs = ${literal(endpoint.sample.inputs)};

const rowsPerRequest = ${instancesPerRequestMax};
const outcomesPerRequest = 10000;

${clientPart(endpoint, url)}`;

const clientPart = ({ endpoint }: EndpointInterface, url: string): string => `export interface Client {
  predict(inputs: Inputs, options?: RowOptions): Promise<Prediction>;
  /** In the order of the rows, however many. */
  predictRows(rows: readonly Row[]): Promise<Prediction[]>;
  /** As late as they come; the same one again changes nothing, another value corrects it. */
  label(outcomes: readonly Outcome[]): Promise<OutcomeCounts>;
}

export function createClient(options: ClientOptions = {}): Client {
  const { url = ${literal(url)}, token, timeoutMs = 10_000, fetch: send = fetch } = options;
  const base = \`\${url.replace(/\\/+$/, '')}/api/endpoints/\${encodeURIComponent(${literal(endpoint)})}\`;
  const post = async <Answer>(path: string, body: unknown): Promise<Answer> => {
    const response = await send(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: \`Bearer \${token}\` }) },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (response.ok) return JSON.parse(text);
    throw errorOf(response.status, text);
  };
  const predictRows = async (rows: readonly Row[]): Promise<Prediction[]> => {
    const predictions: Prediction[] = [];
    for (let from = 0; from < rows.length; from += rowsPerRequest) {
      const part = { instances: rows.slice(from, from + rowsPerRequest) };
      const answer = await post<{ predictions: Prediction[] }>('/predict', part);
      predictions.push(...answer.predictions);
    }
    return predictions;
  };
  return {
    predictRows,
    predict: async (inputs, rowOptions = {}) => {
      const [prediction] = await predictRows([{ ...rowOptions, inputs }]);
      if (prediction === undefined) throw new EndpointError(200, 'answer_empty', 'The endpoint answered no prediction.', false);
      return prediction;
    },
    label: async (outcomes) => {
      const counts = { joined: 0, corrected: 0, repeated: 0, unknown: 0 };
      for (let from = 0; from < outcomes.length; from += outcomesPerRequest) {
        const part = { labels: outcomes.slice(from, from + outcomesPerRequest) };
        const answer = await post<OutcomeCounts>('/labels', part);
        counts.joined += answer.joined;
        counts.corrected += answer.corrected;
        counts.repeated += answer.repeated;
        counts.unknown += answer.unknown;
      }
      return counts;
    },
  };
}

function errorOf(status: number, text: string): EndpointError {
  try {
    const { error } = JSON.parse(text);
    return new EndpointError(status, error.code, error.message, error.retryable);
  } catch {
    return new EndpointError(status, 'answer_not_understood', \`\${status}: \${text.slice(0, 200)}\`, false);
  }
}
`;

function detailMembers({ answer }: EndpointInterface): string {
  if (answer.kind === 'classes')
    return `  readonly label: string | number;\n  readonly probabilities: Readonly<Record<${unionOf(answer.classes)}, number>>;\n`;
  if (answer.kind === 'quantiles')
    return `  readonly quantiles: Readonly<Record<${unionOf(answer.levels)}, number>>;\n`;
  return '';
}
