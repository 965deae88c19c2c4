import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode, ErrorRow } from './errors.ts';
import { errorCatalogue, errorMessage, SlipwayError } from './errors.ts';

const rows = Object.entries(errorCatalogue) as [ErrorCode, ErrorRow][];

test('every row is a failure that somebody can mend, told in sentences', () => {
  for (const [code, row] of rows) {
    assert.match(code, /^[a-z]+(?:_[a-z0-9]+)*$/);
    assert.ok(row.status >= 400 && row.status <= 599, `${code} has status ${row.status}`);
    // A text that ends in a place holder ends in a sentence of the module's own.
    assert.match(row.text, /[.}]$/, `${code}: a sentence ends with a full stop`);
    assert.doesNotMatch(row.text, /\{\s|\s\}|\{\}/, `${code}: malformed place holder`);
  }
});

test('the status says whose failure it is', () => {
  for (const [code, row] of rows) {
    if (row.fixer === 'caller')
      assert.ok(row.status < 500, `${code}: the caller's mistake is no failure of the server`);
    // Its outcome is unknown: the same request again could do the thing twice.
    const isRetried = row.status === 503 && code !== 'write_outcome_unknown';
    if (isRetried) assert.equal(row.retryable, true, `${code}: 503 invites to try again`);
    if (row.retryable) assert.ok([408, 409, 429].includes(row.status) || row.status >= 500, `${code} may be retried`);
  }
});

test('every refusal of the caller says what to do: it has a sentence of remedy, or is given one', () => {
  const remedies = /\{(?:problem|remedy|rule|known|accepted|reason|hint|expected|sentence)\}/;
  for (const [code, row] of rows) {
    const sentences = row.text.split(/[.;:?] |, (?:but|so) /).length;
    assert.ok(sentences >= 2 || remedies.test(row.text), `${code}: "${row.text}" names no remedy`);
  }
});

test('messages are filled from details; a missing one does not lose the message', () => {
  assert.equal(
    errorMessage('not_permitted', { actor: 'token:ci', permission: 'projects.apply' }),
    'token:ci may not do "projects.apply". Ask an owner for a token with a role that includes it.',
  );
  assert.match(errorMessage('not_permitted', {}), /^\? may not do "\?"/);
  const error = new SlipwayError('body_too_large', { limitBytes: 5, operation: 'x.y' });
  assert.deepEqual(
    [error.status, error.retryable, error.toBody('r').error.details],
    [413, false, { limitBytes: 5, operation: 'x.y' }],
  );
});
