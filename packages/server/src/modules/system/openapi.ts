/** The OpenAPI 3.1 document, made from the route table: what is bound is what is written here. */
import type { Route, RouteTable } from '@slipway/contract';
import { errorCatalogue } from '@slipway/contract';
import { z } from 'zod';

type Json = Record<string, unknown>;

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    reused: 'inline',
    cycles: 'ref',
  }) as Json;
  return rest;
}

function parametersOf(where: 'path' | 'query', schema: z.ZodObject | undefined): Json[] {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, part]) => ({
    name,
    in: where,
    required: where === 'path' || !part.safeParse(undefined).success,
    schema: schemaOf(part as z.ZodType, 'input'),
  }));
}

function bodyOf(route: Route): Json {
  if (route.body === undefined) return {};
  if (route.body === 'bytes') {
    return {
      requestBody: {
        required: true,
        content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
      },
    };
  }
  return {
    requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } },
  };
}

function answerOf(route: Route): Json {
  switch (route.response) {
    case 'bytes':
      return { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
    case 'events':
      return { 'text/event-stream': { schema: { type: 'string' } } };
    case 'text':
      return { 'text/plain': { schema: { type: 'string' } } };
    default:
      return { 'application/json': { schema: schemaOf(route.response, 'output') } };
  }
}

function operationOf(id: string, route: Route): Json {
  const [tag = ''] = id.split('.', 1);
  return {
    operationId: id,
    summary: route.summary,
    tags: [tag],
    parameters: [...parametersOf('path', route.params), ...parametersOf('query', route.query)],
    ...bodyOf(route),
    responses: {
      [String(route.status ?? 200)]: { description: route.summary, content: answerOf(route) },
      default: { $ref: '#/components/responses/Error' },
    },
    security: route.permission === 'public' ? [] : [{ token: [] }],
    'x-permission': route.permission,
  };
}

export function openApiDocument(table: RouteTable, version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [id, route] of Object.entries(table)) {
    const path = route.path.replace(/\{(\w+)\+\}/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(id, route) };
  }
  const error = {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message', 'retryable', 'details'],
        properties: {
          code: { type: 'string', enum: Object.keys(errorCatalogue) },
          message: { type: 'string' },
          retryable: { type: 'boolean' },
          details: { type: 'object' },
          requestId: { type: 'string' },
        },
      },
    },
  };
  return {
    openapi: '3.1.0',
    info: { title: 'Slipway', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: error },
      responses: {
        Error: {
          description: 'What went wrong and what to do',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}
