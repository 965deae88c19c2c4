import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SlipwayError } from '@slipway/contract';
import { definitionDigest, parseDefinition, parseDefinitionText } from './definition.ts';
import type { TableSchemas } from './plan.ts';
import { createPlan } from './plan.ts';

const flights = readFileSync(new URL('../../../../../examples/flights/features.yaml', import.meta.url), 'utf8');
const small = `
features: small
entities: { key: string }
request: { when: time, size: int }
sources:
  events: { table: log, event_time: at, keys: { key: key }, columns: { value: int = value, good: bool = value > 3 } }
views:
  recent: { source: events, entity: key, features: { n: count() over 1h, share: rate(good) over 1h } }
  given: { features: { size: float(size) } }
services: { all: { features: [recent, given] } }
`;
const schemas: TableSchemas = new Map([
  [
    'log',
    [
      { name: 'at', type: 'TIMESTAMP' },
      { name: 'key', type: 'VARCHAR' },
      { name: 'value', type: 'BIGINT' },
      { name: 'blob', type: 'BLOB' },
    ],
  ],
]);
const serviceDigestOf = (text: string): string | undefined =>
  createPlan(parseDefinitionText(text), schemas).services.get('all')?.digest;

test('comments, key order, anchors and spaces change no digest; a window, an edge or an order does', () => {
  const digest = serviceDigestOf(small);
  const definition = definitionDigest(parseDefinitionText(small));
  const same = [
    `# a comment\n${small}`,
    small.replace('count() over 1h', 'count( )  over 60m'),
    small.replace('table: log, event_time: at', 'event_time: at, table: log'),
    small.replace('request: { when: time, size: int }', 'request: { size: int, when: time }'),
    small.replace('entity: key', 'entity: [key]'),
  ];
  for (const text of same) {
    assert.equal(serviceDigestOf(text), digest, text);
    assert.equal(definitionDigest(parseDefinitionText(text)), definition, text);
  }
  const other = [
    small.replace('count() over 1h', 'count() over 2h'),
    small.replace('entity: key, features', 'entity: key, edges: closed, features'),
    small.replace('value > 3', 'value > 4'),
    small.replace('[recent, given]', '[given, recent]'),
    small.replace(
      '{ n: count() over 1h, share: rate(good) over 1h }',
      '{ share: rate(good) over 1h, n: count() over 1h }',
    ),
    small.replace('features: small\n', 'features: small\ntime: { zone: Europe/Berlin }\n'),
  ];
  for (const text of other) assert.notEqual(serviceDigestOf(text), digest, text);
});

test('where training rows come from does not change a service', () => {
  const rows = small.replace(
    'features: [recent, given] }',
    'features: [recent, given], rows: { table: log, id: key, keys: { key: key } } }',
  );
  assert.equal(serviceDigestOf(rows), serviceDigestOf(small));
});

test('the canonical form is a definition with the same digest', () => {
  for (const text of [small, flights]) {
    const definition = parseDefinitionText(text);
    assert.deepEqual(parseDefinition(JSON.parse(JSON.stringify(definition))), definition);
  }
});

test('every mistake is told with its place, its value and a remedy', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['features: small', 'features: [', /^In the definition: .* is not valid YAML/s],
    ['table: log', 'tabel: log', /^In sources\.events\.tabel: "tabel" is not a word of the language/],
    ['entities: { key: string }', 'entities: { key: text }', /^In entities\.key: "text" does not fit/],
    ['features: { n: count() over 1h', 'features: { n: count() over 1 h', /^In views\.recent\.features\.n: /],
    ['int = value', 'integer = value', /^In sources\.events\.columns\.value: "integer = value" does not say its type/],
    ['entity: key', 'entity: nope', /^In views\.recent\.entity: "nope" is not an entity\. Entities: key\./],
    ['source: events', 'source: evnets', /^In views\.recent\.source: "evnets" is not a source\. Sources: events\./],
    [
      '[recent, given]',
      '[recent, givn]',
      /^In services\.all\.features\.1: "givn" names an unknown view\. Views: given or recent\./,
    ],
    ['[recent, given]', '[constructor]', /names an unknown view/],
    ['[recent, given]', '[recent, recent.n]', /"n" comes from recent and from recent/],
    [
      'value > 3',
      'valeu > 3',
      /^In sources\.events\.columns\.good: "valeu" is not among the columns of table log\. Use at, key or value\./,
    ],
    ['value > 3', 'blob is null', /"blob" is not among the columns/],
    ['rate(good)', 'rate(value)', /^In views\.recent\.features\.share: .*takes a int\. rate takes a bool/],
    ['count() over 1h', 'count()', /has no window\. Say how far back it looks/],
    [
      'count() over 1h',
      'std(value) over 1h',
      /uses an aggregate that this version does not compute\. Use count, last, mean, rate or sum\./,
    ],
    ['count() over 1h', 'last(key)', /is the last of a string/],
    ['count() over 1h', 'last(at) within 1h', /"at" is not among the columns of source events/],
    ['float(size)', 'when', /^In views\.given\.features\.size: "when" is time/],
    ['float(size)', 'count() over 1h', /Aggregates belong in the features of a view that names a source/],
    ['table: log', 'table: lag', /^In sources\.events\.table: "lag" is a table that was not given\. Tables: log\./],
    [
      'features: small',
      'features: small\ntime: { zone: Mars/Base }',
      /^In time\.zone: "Mars\/Base" is not an IANA time zone/,
    ],
    ['request: { when', 'request: { key: int, when', /^In request\.key: "key" is also the name of an entity/],
    ['keys: { key: key }', 'keys: { key: value }', /"value" is int, but entity key is string/],
  ];
  for (const [from, to, message] of cases) {
    assert.ok(small.includes(from), from);
    assert.throws(
      () => createPlan(parseDefinitionText(small.replace(from, to)), schemas),
      (error: unknown) => {
        assert.ok(error instanceof SlipwayError && error.code === 'features_invalid', `${to}: ${String(error)}`);
        assert.match(error.message, message);
        return true;
      },
    );
  }
  assert.throws(() => parseDefinitionText('&a { features: x, views: *a }'), /contains it/);
  for (const value of [null, 7, 'text', [], {}]) assert.throws(() => parseDefinition(value), SlipwayError);
});
