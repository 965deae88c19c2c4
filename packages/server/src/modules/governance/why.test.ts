import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reason } from '@slipway/contract';
import type { Explain } from './why.ts';
import { explainWhy } from './why.ts';

/** Things by id, each with the ids that it came from. */
const explainer =
  (graph: Readonly<Record<string, readonly string[]>>): Explain =>
  async (id) => {
    const because = graph[id];
    return (
      because && { title: `thing ${id}`, facts: {}, because: because.map((cause) => ({ kind: 'thing', id: cause })) }
    );
  };

/** `a(b c(d))` */
const drawn = (reason: Reason): string =>
  `${reason.title.replace('thing ', '')}${reason.because.length === 0 ? '' : `(${reason.because.map(drawn).join(' ')})`}`;

const why = async (graph: Readonly<Record<string, readonly string[]>>, id = 'a'): Promise<Reason> =>
  explainWhy({ thing: explainer(graph) }, { kind: 'thing', id });

const countOf = (reason: Reason): number => 1 + reason.because.reduce((n, cause) => n + countOf(cause), 0);

test('causes are followed depth first; a shared one is expanded once', async () => {
  assert.equal(
    drawn(await why({ a: ['b', 'c'], b: ['d'], c: ['d'], d: ['e'], e: [] })),
    'a(b(d(e)) c(d (shown above)))',
  );
});

test('a cycle ends, and what nobody knows is a leaf', async () => {
  assert.equal(drawn(await why({ a: ['b'], b: ['a', 'lost'] })), 'a(b(a (shown above) lost))');
  const foreign = await explainWhy(
    { thing: async () => ({ title: 'it', facts: {}, because: [{ kind: 'other', id: 'x' }] }) },
    { kind: 'thing', id: 'a' },
  );
  assert.deepEqual(
    foreign.because.map((cause) => [cause.kind, cause.id]),
    [['other', 'x']],
  );
});

test('the walk is bounded in depth and in number, and says where it ended', async () => {
  const chain = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`n${i}`, [`n${i + 1}`]]));
  const deep = await why(chain, 'n0');
  assert.ok(countOf(deep) < 20);
  assert.match(drawn(deep), /1 more, not shown/);
  const wide = {
    a: Array.from({ length: 2000 }, (_, i) => `n${i}`),
    ...Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`n${i}`, []])),
  };
  const many = await why(wide);
  assert.ok(countOf(many) <= 502, `${countOf(many)} things`);
  assert.match(many.because.at(-1)?.title ?? '', /^… and 1501 more/);
});

test('asking for a thing that is not there says where ids are found', async () => {
  await assert.rejects(explainWhy({ alert: async () => undefined }, { kind: 'alert', id: 'x' }), {
    code: 'not_found',
    message: /slipway monitor alerts/,
  });
});
