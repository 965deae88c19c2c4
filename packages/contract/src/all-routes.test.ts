import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allRoutes } from './all-routes.ts';
import { automationRoutes } from './automation.ts';
import { consoleRoutes } from './console.ts';
import { dataRoutes } from './data.ts';
import { featuresRoutes } from './features.ts';
import { governanceRoutes } from './governance.ts';
import { versionFactsRoutes } from './model-card.ts';
import { monitoringRoutes } from './monitoring.ts';
import { pipelinesRoutes } from './pipelines.ts';
import { projectsRoutes } from './projects.ts';
import { qualityRoutes } from './quality.ts';
import { registryRoutes } from './registry.ts';
import type { Route } from './route.ts';
import { servingRoutes } from './serving.ts';
import { servingClientRoutes } from './serving-clients.ts';
import { servingViewRoutes } from './serving-views.ts';
import { systemRoutes } from './system.ts';
import { trackingRoutes } from './tracking.ts';

const rows = Object.entries(allRoutes) as [string, Route][];

/** What may be asked for without credentials. A new one is a decision: write it down here. */
const publicOperations = [
  'console.asset',
  'console.page',
  'server.metrics',
  'server.openapi',
  'server.ready',
  'server.style',
];

/** Reads whose question does not fit into a query string. */
const askingPosts = ['projects.plan', 'featureSets.read', 'featureSets.parity', 'featureSets.requests'];

/** Larger JSON bodies would be parsed on the event loop for too long. */
const jsonLimitBytes = 16 * 1024 * 1024;

test('no operation id, and no method and path, is declared twice', () => {
  const tables = [
    automationRoutes,
    consoleRoutes,
    dataRoutes,
    featuresRoutes,
    governanceRoutes,
    monitoringRoutes,
    pipelinesRoutes,
    projectsRoutes,
    qualityRoutes,
    registryRoutes,
    servingRoutes,
    servingViewRoutes,
    servingClientRoutes,
    systemRoutes,
    trackingRoutes,
    versionFactsRoutes,
  ];
  const declared = tables.flatMap((table) => Object.keys(table));
  assert.deepEqual(declared.toSorted(), rows.map(([id]) => id).toSorted());
  const places = rows.map(([, r]) => `${r.method} ${r.path.replaceAll(/\{\w+\+?\}/g, '{}')}`);
  assert.deepEqual(
    places.filter((place, i) => places.indexOf(place) !== i),
    [],
  );
});

test('every operation has an id, a summary and parameters as its path names them', () => {
  for (const [id, route] of rows) {
    assert.match(id, /^[a-z][A-Za-z]*\.[a-z][A-Za-z]*$/);
    const isOnePhrase = !route.summary.includes('. ');
    assert.match(route.summary, isOnePhrase ? /^[A-Z].*[^.]$/ : /^[A-Z].*\.$/, `${id}: one phrase has no full stop`);
    const named = [...route.path.matchAll(/\{(\w+)\+?\}/g)].map((m) => m[1]);
    assert.deepEqual(Object.keys(route.params?.shape ?? {}), named, id);
  }
});

test('every operation has a permission; what needs none is listed; who may only read cannot change', () => {
  for (const [id, route] of rows) {
    if (route.permission === 'public') continue;
    assert.match(route.permission, /^(?:[a-z]+\.[a-z]+|admin)$/, id);
    if (route.method === 'GET' || askingPosts.includes(id)) continue;
    assert.doesNotMatch(route.permission, /\.read$/, `${id} changes something: a reader may not`);
  }
  assert.deepEqual(
    rows.flatMap(([id, route]) => (route.permission === 'public' ? [id] : [])).toSorted(),
    publicOperations,
  );
});

test('every body is bounded: JSON by a small limit, streams by one that the row states', () => {
  for (const [id, route] of rows) {
    if (route.method === 'GET') assert.equal(route.body, undefined, `${id}: a GET has no body`);
    if (route.body === 'bytes') assert.notEqual(route.bodyLimitBytes, undefined, `${id} streams: say how much`);
    else if (route.bodyLimitBytes !== undefined) {
      assert.notEqual(route.body, undefined, `${id} has a limit and no body`);
      assert.ok(route.bodyLimitBytes <= jsonLimitBytes, `${id}: ${route.bodyLimitBytes} bytes of JSON`);
    }
  }
});
