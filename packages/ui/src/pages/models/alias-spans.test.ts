import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LedgerRow } from '@slipway/contract';
import { moveOf, spansOf } from './alias-spans.ts';

const row = (seq: number, kind: string, body: Record<string, unknown>): LedgerRow => ({
  seq,
  at: seq * 10,
  actor: 'owner',
  kind,
  subject: 'model:m',
  body: { model: 'm', ...body },
  digest: '',
  chain: '',
});

test('each alias has the version that it named until its next move, its removal, or now', () => {
  const events = [
    row(6, 'alias.moved', { alias: 'champion', version: 1, previous: null }),
    row(5, 'alias.removed', { alias: 'champion', previous: 2 }),
    row(4, 'alias.moved', { alias: 'challenger', version: 3, previous: null, reason: '' }),
    row(3, 'alias.moved', { alias: 'champion', version: 2, previous: 1, reason: 'better', approval: 'apr_1' }),
    row(2, 'model.version-created', { alias: 'champion' }),
    row(1, 'alias.moved', { alias: 'champion', version: 1, previous: null }),
  ];
  const moves = events.flatMap((event) => moveOf(event) ?? []);
  assert.deepEqual(
    moves.map((m) => [m.seq, m.version, m.reason, m.approval]),
    [
      [6, 1, undefined, undefined],
      [5, undefined, undefined, undefined],
      [4, 3, undefined, undefined],
      [3, 2, 'better', 'apr_1'],
      [1, 1, undefined, undefined],
    ],
  );
  assert.deepEqual(
    spansOf(moves, 100).map((s) => [s.alias, s.version, s.from, s.to]),
    [
      ['champion', 1, 60, 100],
      ['challenger', 3, 40, 100],
      ['champion', 2, 30, 50],
      ['champion', 1, 10, 30],
    ],
  );
  assert.equal(moveOf(row(7, 'alias.moved', { alias: 7 })), undefined);
});
