/** Open Inference Protocol V2 (REST) under /v2. */
import { SlipwayError } from '@slipway/contract';
import type { ForeignAnswer, ForeignProtocol, ForeignRequest, ForeignRoute } from '../../platform/http/foreign.ts';
import { inferError, inferNotFound } from './errors.ts';
import { answerInfer, outputsOf, parseInfer } from './infer.ts';
import type { EndpointInputs, InputColumn, ScoringPort } from '../../modules/serving/index.ts';

export const scoringBodyLimitBytes = 8 * 1024 * 1024;

export interface OpenInferenceDeps {
  readonly scoring: ScoringPort;
  readonly version: string;
}

const jsonHeaders = { 'content-type': 'application/json' };

function answer(value: unknown): ForeignAnswer {
  return { status: 200, headers: jsonHeaders, body: JSON.stringify(value) };
}

function endpointOf({ params }: ForeignRequest): string {
  return params['endpoint'] ?? '';
}

/** Deployed inputs of an endpoint; throws `not_found` and `endpoint_not_deployed`. */
export function mustInputs(scoring: ScoringPort, endpoint: string): EndpointInputs {
  const inputs = scoring.inputs(endpoint);
  if (inputs.versions.length === 0) throw new SlipwayError('endpoint_not_deployed', { endpoint });
  return inputs;
}

export function openInferenceProtocol(deps: OpenInferenceDeps): ForeignProtocol {
  return {
    name: 'open-inference',
    routes: inferenceRoutes(deps),
    prefixes: [{ prefix: '/v2', notFound: inferNotFound }],
  };
}

function inferenceRoutes({ scoring, version }: OpenInferenceDeps): ForeignRoute[] {
  const get = (
    path: string,
    permission: ForeignRoute['permission'],
    handle: (request: ForeignRequest) => Promise<ForeignAnswer>,
  ): ForeignRoute => ({ method: 'GET', path, permission, bodyMode: 'none', handle, error: inferError });
  return [
    get('/v2', 'public', async () => answer({ name: 'slipway', version, extensions: ['binary_tensor_data'] })),
    get('/v2/health/live', 'public', async () => answer({ live: true })),
    get('/v2/health/ready', 'public', async () => answer({ ready: true })),
    get('/v2/models/{endpoint}', 'serving.read', async (request) => {
      const endpoint = endpointOf(request);
      const inputs = mustInputs(scoring, endpoint);
      return answer({
        name: endpoint,
        versions: inputs.versions.map(String),
        platform: 'slipway_onnx',
        inputs: describeInputs(inputs),
        outputs: outputsOf(inputs),
      });
    }),
    get('/v2/models/{endpoint}/ready', 'serving.read', async (request) => {
      mustInputs(scoring, endpointOf(request));
      return answer({ name: endpointOf(request), ready: true });
    }),
    {
      method: 'POST',
      path: '/v2/models/{endpoint}/infer',
      permission: 'serving.predict',
      bodyMode: 'stream',
      bodyLimitBytes: scoringBodyLimitBytes,
      error: inferError,
      handle: async (request) => {
        const endpoint = endpointOf(request);
        const chunks: Uint8Array[] = [];
        for await (const chunk of request.stream) chunks.push(chunk);
        const { headers } = request.caller;
        const jsonLength = readJsonLength((name) => {
          const value = headers[name];
          return typeof value === 'string' ? value : undefined;
        });
        const body = { bytes: Buffer.concat(chunks), jsonLength };
        const parsed = parseInfer(body, mustInputs(scoring, endpoint));
        const predictions = scoring.predict(endpoint, parsed.rows);
        await scoring.settled(endpoint);
        return answerInfer(endpoint, parsed, predictions);
      },
    },
  ];
}

const isDate = (column: InputColumn): boolean => column.isDate === true;

/** A model of numbers alone takes one tensor of all its columns; any other one tensor per column. */
function describeInputs({ columns, usesFeatures, featureInputs }: EndpointInputs) {
  if (!usesFeatures && columns.length > 1 && columns.every((column) => column.type === 'number')) {
    const names = JSON.stringify(columns.map((column) => column.name));
    return [
      {
        name: 'features',
        datatype: columns.some(isDate) ? 'FP64' : 'FP32',
        shape: [-1, columns.length],
        parameters: { columns: names },
      },
    ];
  }
  const keys = featureInputs.map(({ name, type }) => ({ name, datatype: featureDatatype(type), shape: [-1] }));
  const others = columns
    .filter(({ name }) => !featureInputs.some((input) => input.name === name))
    .map((column) => {
      const datatype = column.type === 'text' ? 'BYTES' : isDate(column) ? 'FP64' : 'FP32';
      return { name: column.name, datatype, shape: [-1] };
    });
  return [...keys, ...others];
}

/** Instants are milliseconds since 1970 UTC. */
function featureDatatype(type: string): string {
  if (type === 'int' || type === 'time') return 'INT64';
  return type === 'float' ? 'FP64' : type === 'bool' ? 'BOOL' : 'BYTES';
}

const jsonType = /^application\/(?:[\w.+-]+\+)?json\b/i;

/**
 * Length of the JSON part when binary tensors follow it; undefined when the whole body is JSON. Throws
 * `media_type_unsupported` when the body is declared to be neither.
 */
export function readJsonLength(header: (name: string) => string | undefined): number | undefined {
  const declared = header('inference-header-content-length');
  if (declared !== undefined) {
    if (!/^\d{1,10}$/.test(declared)) {
      throw new SlipwayError('request_invalid', {
        operation: 'infer',
        problem: `Inference-Header-Content-Length is "${declared.slice(0, 40)}"; it must be a number of bytes`,
      });
    }
    return Number(declared);
  }
  // tritonclient sends a pure JSON body without a type
  const contentType = header('content-type') ?? 'application/json';
  if (contentType === 'application/json' || jsonType.test(contentType)) return undefined;
  throw new SlipwayError('media_type_unsupported', {
    contentType: contentType.slice(0, 100),
    operation: 'infer',
    accepted: 'application/json, or application/octet-stream with Inference-Header-Content-Length',
  });
}
