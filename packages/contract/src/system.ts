import { z } from 'zod';
import { Instant, Name } from './names.ts';
import { routes } from './route.ts';

export const TokenRole = z.enum(['owner', 'deployer', 'editor', 'viewer', 'predictor']);
export type TokenRole = z.infer<typeof TokenRole>;

export const ApiToken = z.object({
  name: z.string(),
  role: TokenRole,
  createdAt: Instant,
  createdBy: z.string(),
  expiresAt: Instant.optional(),
});
export type ApiToken = z.infer<typeof ApiToken>;

export const ServerInfo = z.object({
  product: z.literal('slipway'),
  version: z.string(),
  startedAt: Instant,
  database: z.enum(['sqlite', 'postgres']),
  node: z.string(),
  actor: z.string(),
});
export type ServerInfo = z.infer<typeof ServerInfo>;

export const systemRoutes = routes({
  'server.info': {
    method: 'GET',
    path: '/api/server',
    permission: 'projects.read',
    summary: 'Version and state of the server',
    response: ServerInfo,
  },
  'server.ready': {
    method: 'GET',
    path: '/api/ready',
    permission: 'public',
    summary: 'Answers when the server can take work',
    response: z.object({ ready: z.literal(true) }),
  },
  'server.metrics': {
    method: 'GET',
    path: '/metrics',
    permission: 'public',
    summary: 'Prometheus metrics',
    response: 'text',
  },
  'server.openapi': {
    method: 'GET',
    path: '/api/openapi.json',
    permission: 'public',
    summary: 'This API as OpenAPI 3.1',
    response: 'text',
  },
  'server.home': {
    method: 'GET',
    path: '/',
    permission: 'projects.read',
    summary: 'A page that lists what is running',
    response: 'text',
  },
  'server.reference': {
    method: 'GET',
    path: '/reference',
    permission: 'projects.read',
    summary: 'A page of this API for people',
    response: 'text',
  },
  'console.page': {
    method: 'GET',
    path: '/w/{path+}',
    permission: 'public',
    summary: 'The web console; what it shows is in the address',
    params: z.object({ path: z.string().max(2000) }),
    response: 'text',
  },
  'console.asset': {
    method: 'GET',
    path: '/console/{path+}',
    permission: 'public',
    summary: 'Scripts and styles of the console',
    params: z.object({ path: z.string().max(300) }),
    response: 'bytes',
  },
  'server.style': {
    method: 'GET',
    path: '/style.css',
    permission: 'public',
    summary: 'The style of these pages',
    response: 'text',
  },
  'objects.put': {
    method: 'PUT',
    path: '/api/objects/{digest}',
    permission: 'data.write',
    summary: 'Store bytes under their own digest',
    params: z.object({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) }),
    body: 'bytes',
    bodyLimitBytes: Infinity,
    response: z.object({ digest: z.string(), sizeBytes: z.int(), stored: z.boolean() }),
  },
  'objects.get': {
    method: 'GET',
    path: '/api/objects/{digest}',
    permission: 'data.read',
    summary: 'The bytes of an object',
    params: z.object({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) }),
    response: 'bytes',
  },
  'tokens.list': {
    method: 'GET',
    path: '/api/tokens',
    permission: 'admin',
    summary: 'API tokens, without their secrets',
    response: z.object({ items: z.array(ApiToken) }),
  },
  'tokens.create': {
    method: 'POST',
    path: '/api/tokens',
    permission: 'admin',
    summary: 'Make an API token; the secret is shown once',
    body: z.object({ name: Name, role: TokenRole, expiresInDays: z.number().positive().max(3650).optional() }),
    response: ApiToken.extend({ secret: z.string() }),
  },
  'tokens.revoke': {
    method: 'DELETE',
    path: '/api/tokens/{name}',
    permission: 'admin',
    summary: 'Revoke a token at once',
    params: z.object({ name: Name }),
    response: z.object({}),
  },
});
