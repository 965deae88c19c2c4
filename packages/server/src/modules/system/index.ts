/** The server itself: health, metrics, API document, home page, stored objects, tokens. */
import { allRoutes, SlipwayError, systemRoutes } from '@slipway/contract';
import type { Auth } from '../../platform/auth/auth.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Dialect } from '../../platform/db/db.ts';
import type { Binding } from '../../platform/http/binding.ts';
import { bind, Stream } from '../../platform/http/binding.ts';
import type { Objects } from '../../platform/objects/objects.ts';
import type { Metrics } from '../../platform/telemetry/metrics.ts';
import type { Console } from './console.ts';
import { openConsole } from './console.ts';
import type { HomeFacts } from './home.ts';
import { homePage } from './home.ts';
import { openApiDocument } from './openapi.ts';
import { pageStyle } from './page.ts';
import { referencePage } from './reference.ts';

export { consoleBinding } from './console-queries.ts';
export { openApiDocument } from './openapi.ts';

export interface SystemDeps {
  readonly auth: Auth;
  readonly objects: Objects;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly version: string;
  readonly dialect: Dialect;
  readonly startedAt: number;
  /** Where the built web console lies. */
  readonly consoleFolder: string;
  /** What the home page lists where no console was built. */
  readonly sections: () => Promise<HomeFacts['sections']>;
}

const text = (body: string, contentType: string): Stream =>
  new Stream(
    (async function* () {
      yield body;
    })(),
    { 'content-type': contentType, 'cache-control': 'no-store' },
  );

const redirect = (location: string): Stream =>
  new Stream(
    (async function* () {
      yield `See ${location}\n`;
    })(),
    { location, 'cache-control': 'no-store' },
    302,
  );

const consoleHome = '/w/default';
const dayMs = 86_400_000;

export function systemBinding(deps: SystemDeps): Binding {
  const { auth, objects } = deps;
  const webConsole = openConsole(deps.consoleFolder);
  const mustConsole = (): Console => {
    if (webConsole === undefined) throw new SlipwayError('console_missing', { folder: deps.consoleFolder });
    return webConsole;
  };
  let openApi: string | undefined;
  let reference: string | undefined;
  return bind(systemRoutes, {
    'server.info': async (_request, caller) => ({
      product: 'slipway' as const,
      version: deps.version,
      startedAt: deps.startedAt,
      database: deps.dialect,
      node: process.versions.node,
      actor: caller.actor,
    }),
    'server.ready': async () => ({ ready: true as const }),
    'server.metrics': async () => text(deps.metrics.text(), 'text/plain; version=0.0.4; charset=utf-8'),
    'server.openapi': async () =>
      text((openApi ??= JSON.stringify(openApiDocument(allRoutes, deps.version))), 'application/json; charset=utf-8'),
    'console.page': async () => mustConsole().page(),
    'console.asset': async ({ params }, { headers }) =>
      mustConsole().asset(params.path, String(headers['accept-encoding'] ?? '')),
    'server.home': async () => {
      if (webConsole !== undefined) return redirect(consoleHome);
      return text(
        homePage({
          version: deps.version,
          startedAt: deps.startedAt,
          database: deps.dialect,
          sections: await deps.sections(),
        }),
        'text/html; charset=utf-8',
      );
    },
    'server.reference': async () =>
      text((reference ??= referencePage(allRoutes, deps.version)), 'text/html; charset=utf-8'),
    'server.style': async () => text(pageStyle, 'text/css; charset=utf-8'),
    'objects.put': ({ params, body }) => objects.put(body, { expect: params.digest }),
    'objects.get': async ({ params }) => {
      const info = await objects.find(params.digest);
      if (!info)
        throw new SlipwayError('not_found', {
          noun: 'object',
          name: params.digest,
          remedy: 'Check the digest; objects that nothing refers to are removed after a while.',
        });
      return new Stream(await objects.open(params.digest), {
        'content-type': 'application/octet-stream',
        'content-length': String(info.sizeBytes),
        'content-disposition': 'attachment',
        'cache-control': 'private, immutable, max-age=31536000',
      });
    },
    'tokens.list': async () => ({ items: (await auth.listTokens()).map(tokenOf) }),
    'tokens.create': async ({ body }, caller) => {
      const expiresInMs = body.expiresInDays === undefined ? undefined : Math.round(body.expiresInDays * dayMs);
      const { secret, ...token } = await auth.createToken({
        name: body.name,
        role: body.role,
        expiresInMs,
        actor: caller.actor,
      });
      return { ...tokenOf(token), secret };
    },
    'tokens.revoke': async ({ params }, caller) => {
      await auth.revokeToken(params.name, caller.actor);
      return {};
    },
  });
}

function tokenOf(token: Awaited<ReturnType<Auth['listTokens']>>[number]) {
  const { name, role, createdAt, createdBy, expiresAt } = token;
  return { name, role, createdAt, createdBy, ...(expiresAt === undefined ? {} : { expiresAt }) };
}
