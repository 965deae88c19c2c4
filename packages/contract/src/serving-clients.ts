/** What programs need to ask one endpoint: its inputs and answers, an OpenAPI document of it alone, and typed clients. */
import { z } from 'zod';
import { Instant, Name } from './names.ts';
import { routes } from './route.ts';

export const endpointInputTypes = ['number', 'text', 'boolean', 'instant'] as const;

export const EndpointInterface = z.object({
  endpoint: Name,
  model: z.string(),
  /** The version that takes traffic first; all versions of an endpoint take the same inputs. */
  version: z.int(),
  /** What a request brings. Each is named in every row, and null where it is missing. */
  inputs: z.array(z.object({ name: z.string(), type: z.enum(endpointInputTypes) })),
  /** Features are read besides, as of the row's time. */
  usesFeatures: z.boolean(),
  answer: z.discriminatedUnion('kind', [
    /** Of the second of two classes, where they have names. */
    z.object({ kind: z.literal('probability'), of: z.union([z.string(), z.number()]).optional() }),
    z.object({ kind: z.literal('classes'), classes: z.array(z.string()) }),
    z.object({ kind: z.literal('quantiles'), levels: z.array(z.string()) }),
    z.object({ kind: z.literal('number') }),
  ]),
  /** A row that can be sent as it is. */
  sample: z.object({
    inputs: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
    at: Instant.optional(),
    /** `types`: made up, because nothing was logged and no dataset of the model has these columns. */
    from: z.enum(['prediction', 'dataset', 'types']),
    /** The prediction's id, or `customers@1`. */
    source: z.string().optional(),
  }),
});
export type EndpointInterface = z.infer<typeof EndpointInterface>;

export const clientLanguages = ['typescript', 'python'] as const;

const endpointParams = z.object({ endpoint: Name });
const clientQuery = z.object({
  /** Where callers reach the server; as the server knows itself unless said. */
  url: z
    .url({ protocol: /^https?$/, error: 'an address such as https://slipway.example.org' })
    .max(500)
    .optional(),
});

export const servingClientRoutes = routes({
  'endpoints.interface': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/interface',
    permission: 'serving.read',
    summary: 'What a request to the endpoint brings and what it answers, with a row that can be sent',
    params: endpointParams,
    response: EndpointInterface,
  },
  'endpoints.openapi': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/openapi.json',
    permission: 'serving.read',
    summary: 'An OpenAPI 3.1 document of this endpoint alone, in the words of its model',
    params: endpointParams,
    query: clientQuery,
    response: z.record(z.string(), z.unknown()),
  },
  'endpoints.client': {
    method: 'GET',
    path: '/api/endpoints/{endpoint}/client',
    permission: 'serving.read',
    summary: 'A typed client of this endpoint alone: one file without dependencies',
    params: endpointParams,
    query: clientQuery.extend({ language: z.enum(clientLanguages).default('typescript') }),
    response: 'text',
  },
});
