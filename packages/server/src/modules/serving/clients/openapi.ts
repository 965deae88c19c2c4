/** OpenAPI 3.1 of one endpoint: asking it and telling it outcomes, with the names and types of its model. */
import type { EndpointInterface } from '@slipway/contract';
import { instancesPerRequestMax } from '@slipway/contract';
import type { InputType } from './interface.ts';

/** JSON Schemas, which this makes and nothing here reads. */
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const inputSchemas: Readonly<Record<InputType, { readonly [key: string]: Json }>> = {
  number: { type: ['number', 'null'] },
  text: { type: ['string', 'null'], maxLength: 2000 },
  boolean: { type: ['boolean', 'null'] },
  instant: { type: ['string', 'integer', 'null'], description: 'ISO 8601, or milliseconds since 1970 UTC' },
};

export const answerSentence = ({ answer }: Pick<EndpointInterface, 'answer'>): string => {
  switch (answer.kind) {
    case 'probability':
      return answer.of === undefined ? 'Probability of the positive class.' : `Probability of ${answer.of}.`;
    case 'classes':
      return 'Probability of the most probable class, which is the label.';
    case 'quantiles':
      return 'The quantile nearest to a half.';
    case 'number':
      return 'The predicted number.';
  }
};

export function openApiOf(endpoint: EndpointInterface, url: string): Record<string, Json> {
  const { inputs, sample } = endpoint;
  const row = { ...(sample.at === undefined ? {} : { at: sample.at }), inputs: sample.inputs };
  return {
    openapi: '3.1.0',
    info: {
      title: endpoint.endpoint,
      version: String(endpoint.version),
      description: `Predictions of ${endpoint.model}/${endpoint.version}.`,
    },
    servers: [{ url }],
    security: [{ token: [] }, {}],
    paths: {
      [`/api/endpoints/${endpoint.endpoint}/predict`]: {
        post: {
          operationId: 'predict',
          summary: 'Score rows; each answer is in the prediction log before it is sent',
          requestBody: jsonBody('PredictRequest', { instances: [row] }),
          responses: {
            '200': jsonAnswer('PredictAnswer', 'One prediction for each row, in their order'),
            default: errorAnswer,
          },
        },
      },
      [`/api/endpoints/${endpoint.endpoint}/labels`]: {
        post: {
          operationId: 'label',
          summary: 'Outcomes of predictions, as late as they come; the same one again changes nothing',
          requestBody: jsonBody('LabelRequest', undefined),
          responses: { '200': jsonAnswer('LabelAnswer', 'What became of them'), default: errorAnswer },
        },
      },
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { ...rowSchemas(inputs), ...answerSchemas(endpoint) },
    },
  };
}

const rowSchemas = (inputs: EndpointInterface['inputs']): Record<string, Json> => ({
  Inputs: {
    type: 'object',
    description: 'Every input is named; null is a missing one.',
    properties: Object.fromEntries(inputs.map(({ name, type }) => [name, inputSchemas[type]])),
    required: inputs.map(({ name }) => name),
  },
  Row: {
    type: 'object',
    properties: {
      inputs: ref('Inputs'),
      id: { type: 'string', minLength: 1, maxLength: 200, description: 'Your own id: outcomes can name it.' },
      at: { type: 'integer', description: 'Event time, milliseconds since 1970 UTC; now unless said.' },
    },
    required: ['inputs'],
    additionalProperties: false,
  },
  PredictRequest: {
    type: 'object',
    properties: {
      instances: { type: 'array', items: ref('Row'), minItems: 1, maxItems: instancesPerRequestMax },
    },
    required: ['instances'],
    additionalProperties: false,
  },
});

const answerSchemas = (endpoint: EndpointInterface): Record<string, Json> => ({
  Prediction: predictionSchema(endpoint),
  PredictAnswer: {
    type: 'object',
    properties: { predictions: { type: 'array', items: ref('Prediction') } },
    required: ['predictions'],
  },
  ...labelSchemas(endpoint),
  Error: errorSchema,
});

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const jsonBody = (schema: string, example: Json | undefined): Json => ({
  required: true,
  content: { 'application/json': { schema: ref(schema), ...(example === undefined ? {} : { example }) } },
});
const jsonAnswer = (schema: string, description: string): Json => ({
  description,
  content: { 'application/json': { schema: ref(schema) } },
});
const errorAnswer = jsonAnswer('Error', 'What was wrong, and what to do');
const errorSchema: Json = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: { code: { type: 'string' }, message: { type: 'string' }, retryable: { type: 'boolean' } },
      required: ['code', 'message', 'retryable'],
    },
  },
  required: ['error'],
};

function predictionSchema(endpoint: EndpointInterface): Json {
  const { answer } = endpoint;
  const properties: Record<string, Json> = {
    id: { type: 'string', description: 'The prediction; outcomes can name it.' },
    score: { type: ['number', 'null'], description: answerSentence(endpoint) },
    version: { type: 'integer', description: 'The version that answered.' },
  };
  if (answer.kind === 'classes') {
    properties['label'] = { type: ['string', 'number'] };
    properties['probabilities'] = numbersOf(answer.classes);
  }
  if (answer.kind === 'quantiles') properties['quantiles'] = numbersOf(answer.levels);
  return { type: 'object', properties, required: Object.keys(properties) };
}

const numbersOf = (names: readonly string[]): Json => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'number' }])),
  required: names,
});

function labelSchemas({ answer }: EndpointInterface): Record<string, Json> {
  const isNumber = answer.kind === 'number' || answer.kind === 'quantiles';
  return {
    Label: {
      type: 'object',
      properties: {
        predictionId: { type: 'string' },
        instanceId: { type: 'string', description: 'Your own id: its newest prediction made up to `at`.' },
        value: {
          type: isNumber ? 'number' : ['number', 'string'],
          description: isNumber
            ? 'The number that came about.'
            : 'The class in its own word, or 0 and 1 of two classes.',
        },
        at: { type: 'integer', description: 'When it was known, milliseconds since 1970 UTC.' },
      },
      required: ['value', 'at'],
      oneOf: [{ required: ['predictionId'] }, { required: ['instanceId'] }],
      additionalProperties: false,
    },
    LabelRequest: {
      type: 'object',
      properties: {
        labels: { type: 'array', items: ref('Label'), maxItems: 10_000 },
        watermark: { type: 'integer', description: 'Event time up to which labels are complete.' },
      },
      required: ['labels'],
    },
    LabelAnswer: {
      type: 'object',
      properties: {
        joined: { type: 'integer' },
        corrected: { type: 'integer' },
        repeated: { type: 'integer' },
        unknown: { type: 'integer', description: 'Labels without a prediction in the log; they are not kept.' },
      },
      required: ['joined', 'corrected', 'repeated', 'unknown'],
    },
  };
}
