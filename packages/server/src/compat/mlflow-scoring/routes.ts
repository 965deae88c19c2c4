/** MLflow's scoring protocol for every endpoint, under /endpoints/{endpoint}, where `mlflow.deployments` looks for it. */
import type { ModelSignature } from '@slipway/contract';
import { SlipwayError } from '@slipway/contract';
import type { ScoringPort } from '../../modules/serving/index.ts';
import type { ForeignAnswer, ForeignProtocol, ForeignRequest, ForeignRoute } from '../../platform/http/foreign.ts';
import { ScoringRefusal, scoringError } from './errors.ts';
import { answerInvocation, parseInvocation } from './invocation.ts';
import type { Schema } from './schema.ts';
import { schemaOf } from './schema.ts';

const bodyLimitBytes = 8 * 1024 * 1024;
/** The level of MLflow that this speaks like. */
const protocolVersion = '3.17.2+slipway';
/** Schemas of deployed versions that are kept; a version never changes. */
const schemasMax = 1000;

export interface MlflowScoringDeps {
  readonly scoring: ScoringPort;
  /** Of a registered version; undefined when it was registered without one. */
  readonly signature: (model: string, version: number) => Promise<ModelSignature | undefined>;
}

const jsonHeaders = { 'content-type': 'application/json' };

const endpointOf = ({ params }: ForeignRequest): string => params['endpoint'] ?? '';

/** The media type and what MLflow says of it: anything else than these two, and any parameter but a UTF-8 charset, is refused. */
function readType(contentType: string): { readonly isCsv: boolean } | { readonly problem: string } {
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  for (const parameter of parameters) {
    const [key = '', value = ''] = parameter.split('=', 2);
    if (key !== 'charset') return { problem: `Unrecognized content type parameters: ${key.slice(0, 100)}.` };
    if (value.toLowerCase() !== 'utf-8') return { problem: 'The scoring server only supports UTF-8' };
  }
  if (type === 'application/json') return { isCsv: false };
  if (type === 'text/csv') return { isCsv: true };
  return {
    problem: `This predictor only supports the following content types: Types: ['text/csv', 'application/json']. Got '${contentType.slice(0, 100)}'.`,
  };
}

function createSchemas({ scoring, signature }: MlflowScoringDeps): (endpoint: string) => Promise<Schema> {
  const kept = new Map<string, { readonly versionKey: string; readonly schema: Schema }>();
  return async (endpoint) => {
    const inputs = scoring.inputs(endpoint);
    const [version] = inputs.versions;
    if (version === undefined) throw new SlipwayError('endpoint_not_deployed', { endpoint });
    const names = inputs.columns.map((column) => column.name);
    const versionKey = JSON.stringify([inputs.model, version, inputs.usesFeatures, names]);
    const known = kept.get(endpoint);
    if (known?.versionKey === versionKey) return known.schema;
    const schema = schemaOf(inputs, await signature(inputs.model, version));
    if (kept.size >= schemasMax) kept.clear();
    kept.set(endpoint, { versionKey, schema });
    return schema;
  };
}

async function readBody({ stream }: ForeignRequest): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function mlflowScoringProtocol(deps: MlflowScoringDeps): ForeignProtocol {
  const { scoring } = deps;
  const schemas = createSchemas(deps);
  const invoke = async (request: ForeignRequest): Promise<ForeignAnswer> => {
    const endpoint = endpointOf(request);
    const type = readType(String(request.caller.headers['content-type'] ?? ''));
    if ('problem' in type)
      return { status: 415, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: type.problem };
    const schema = await schemas(endpoint);
    const instances = parseInvocation({ bytes: await readBody(request), isCsv: type.isCsv }, schema);
    const predictions = instances.length === 0 ? [] : scoring.predict(endpoint, instances);
    await scoring.settled(endpoint);
    return { status: 200, headers: jsonHeaders, body: answerInvocation(predictions, schema) };
  };
  const get = (path: string, body: string): ForeignRoute => ({
    method: 'GET',
    path: `/endpoints/{endpoint}/${path}`,
    permission: 'serving.read',
    bodyMode: 'none',
    error: scoringError,
    handle: (request) => {
      const isDeployed = scoring.inputs(endpointOf(request)).versions.length > 0;
      return Promise.resolve({ status: isDeployed ? 200 : 404, headers: jsonHeaders, body });
    },
  });
  return {
    name: 'mlflow-scoring',
    routes: [
      get('ping', '\n'),
      get('health', '\n'),
      get('version', protocolVersion),
      {
        method: 'POST',
        path: '/endpoints/{endpoint}/invocations',
        permission: 'serving.predict',
        bodyMode: 'stream',
        bodyLimitBytes,
        error: scoringError,
        // A refusal is an answer, not a failure of the server: only what is thrown past here is logged.
        handle: async (request) => {
          try {
            return await invoke(request);
          } catch (error) {
            if (error instanceof ScoringRefusal) return scoringError(error);
            throw error;
          }
        },
      },
    ],
    prefixes: [],
  };
}
