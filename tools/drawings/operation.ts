/** The pictures of what happens to a model once it exists: judged, served, watched, replaced, explained. */
import type { Drawing, Tone } from './drawing.ts';

type Drawn = (height: number, label: string, draw: (d: Drawing) => void) => string;

function gate(d: Drawing): void {
  const bound = 370;
  d.line([
    { x: 210, y: 170 },
    { x: 720, y: 170 },
  ]);
  d.text({ x: 720, y: 192 }, 'AUC on rows that were held out', { tone: 'idle', size: 'small', anchor: 'end' });
  d.line(
    [
      { x: bound, y: 28 },
      { x: bound, y: 170 },
    ],
    { tone: 'accent', hasTip: false, isDashed: true },
  );
  d.text({ x: bound, y: 192 }, 'at least 0.70', { tone: 'accent', size: 'small', anchor: 'middle' });
  const candidates: readonly {
    y: number;
    name: string;
    low: number;
    value: number;
    high: number;
    tone: Tone;
    word: string;
  }[] = [
    { y: 56, name: 'candidate A', low: 400, value: 470, high: 540, tone: 'ok', word: 'passed: low end is within' },
    { y: 96, name: 'candidate B', low: 310, value: 430, high: 550, tone: 'bad', word: 'failed: may be chance' },
    { y: 136, name: 'constant', low: 240, value: 250, high: 260, tone: 'idle', word: '' },
  ];
  for (const { y, name, low, value, high, tone, word } of candidates) {
    d.text({ x: 24, y: y + 5 }, name, { size: 'title' });
    d.band({ x: low, y: y - 3, width: high - low, height: 6 }, tone);
    d.dot({ x: value, y }, tone);
    d.text({ x: high + 12, y: y + 4 }, word, { tone, size: 'small' });
  }
  d.text({ x: 24, y: 192 }, 'value and 95 % interval', { tone: 'idle', size: 'small' });
}

function rollout(d: Drawing): void {
  const stages: readonly { name: string; share: number; word: string }[] = [
    { name: 'shadow', share: 0, word: 'scores, does not answer' },
    { name: 'canary 10 %', share: 10, word: 'guards watch' },
    { name: 'canary 50 %', share: 50, word: 'the judge compares' },
    { name: 'promoted', share: 100, word: 'champion moves' },
  ];
  stages.forEach(({ name, share, word }, i) => {
    const x = 24 + i * 182;
    d.box({ x, y: 30, width: 166, height: 108 }, { tone: i === 3 ? 'ok' : 'plain' });
    d.text({ x: x + 12, y: 54 }, name, { size: 'title', tone: i === 3 ? 'ok' : 'plain' });
    d.text({ x: x + 12, y: 72 }, word, { size: 'small', tone: 'idle' });
    d.band({ x: x + 12, y: 88, width: 142, height: 14 }, 'plain');
    if (share > 0) d.band({ x: x + 12, y: 88, width: 1.42 * share, height: 14 }, 'warn');
    d.text({ x: x + 12, y: 124 }, share === 0 ? 'live: the incumbent' : `live: candidate ${share} %`, {
      size: 'small',
    });
    if (i < 3)
      d.line(
        [
          { x: x + 168, y: 84 },
          { x: x + 180, y: 84 },
        ],
        { tone: 'ok' },
      );
    if (i < 3)
      d.line(
        [
          { x: x + 83, y: 140 },
          { x: x + 83, y: 172 },
        ],
        { tone: 'bad', isDashed: true, hasTip: false },
      );
  });
  d.line(
    [
      { x: 471, y: 172 },
      { x: 107, y: 172 },
    ],
    { tone: 'bad', isDashed: true, hasTip: false },
  );
  d.box({ x: 24, y: 184, width: 530, height: 38 }, { tone: 'bad' });
  d.text({ x: 289, y: 208 }, 'a guard fires: all traffic back to the incumbent', { tone: 'bad', anchor: 'middle' });
}

function predictionLog(d: Drawing): void {
  d.box({ x: 24, y: 30, width: 140, height: 52 }, { lines: ['request', 'inputs, event time'] });
  d.line([
    { x: 166, y: 56 },
    { x: 195, y: 56 },
  ]);
  d.box({ x: 198, y: 30, width: 538, height: 112 }, { tone: 'accent' });
  d.text({ x: 212, y: 54 }, 'prediction log', { size: 'title', tone: 'accent' });
  d.text({ x: 720, y: 54 }, 'written before the answer leaves', { size: 'small', tone: 'idle', anchor: 'end' });
  const lines = [
    ['prd_01m7…tpf', 'April 1, 07:30', 'version 1', 'score 0.064', 'label 0'],
    ['prd_01m7…d4d', 'April 1, 07:31', 'version 1', 'score 0.712', 'label 1'],
    ['prd_01m7…q4j', 'April 1, 07:33', 'version 2', 'score 0.288', 'not known yet'],
  ];
  lines.forEach((cells, row) =>
    cells.forEach((cell, column) => {
      const tone: Tone = column < 4 ? 'plain' : row === 2 ? 'idle' : 'ok';
      d.text({ x: 212 + column * 106, y: 80 + row * 22 }, cell, { tone, isCode: column === 0, size: 'small' });
    }),
  );
  d.line([
    { x: 196, y: 116 },
    { x: 96, y: 116 },
    { x: 96, y: 158 },
  ]);
  d.box({ x: 24, y: 160, width: 150, height: 52 }, { lines: ['answer', 'score, prediction id'] });
  d.box(
    { x: 560, y: 160, width: 176, height: 52 },
    { tone: 'ok', lines: ['outcome, days later', 'joined by prediction id'] },
  );
  d.line(
    [
      { x: 650, y: 158 },
      { x: 650, y: 130 },
    ],
    { tone: 'ok' },
  );
}

function monitorWindow(d: Drawing): void {
  const weeks: readonly { word: string; tone: Tone }[] = [
    { word: 'ok', tone: 'ok' },
    { word: 'warning', tone: 'warn' },
    { word: 'alert', tone: 'bad' },
    { word: 'waits', tone: 'idle' },
  ];
  weeks.forEach(({ word, tone }, i) => {
    d.box({ x: 24 + i * 100, y: 44, width: 94, height: 44 }, { tone, isDashed: tone === 'idle' });
    d.text({ x: 71 + i * 100, y: 71 }, word, { tone, anchor: 'middle', size: 'title' });
  });
  d.text({ x: 24, y: 32 }, 'weeks of the prediction log', { tone: 'idle', size: 'small' });
  d.line([
    { x: 24, y: 104 },
    { x: 430, y: 104 },
  ]);
  d.line(
    [
      { x: 322, y: 96 },
      { x: 322, y: 132 },
    ],
    { tone: 'accent', hasTip: false },
  );
  d.text({ x: 316, y: 130 }, 'outcomes are complete up to here', { tone: 'accent', size: 'small', anchor: 'end' });
  d.text({ x: 24, y: 168 }, 'level: what happened against what was predicted decides', { size: 'small' });
  d.text({ x: 24, y: 188 }, 'drift: which column moved further than ordinary weeks explains', { size: 'small' });
  const training = [14, 34, 58, 70, 52, 30, 12, 5];
  const now = [3, 8, 20, 38, 58, 68, 46, 24];
  training.forEach((height, i) =>
    d.band({ x: 476 + i * 32, y: 170 - 1.6 * height, width: 13, height: 1.6 * height }, 'plain'),
  );
  now.forEach((height, i) =>
    d.band({ x: 490 + i * 32, y: 170 - 1.6 * height, width: 13, height: 1.6 * height }, 'accent'),
  );
  d.line(
    [
      { x: 470, y: 171 },
      { x: 736, y: 171 },
    ],
    { hasTip: false },
  );
  d.text({ x: 476, y: 32 }, 'one column, in bins of training', { tone: 'idle', size: 'small' });
  d.band({ x: 476, y: 183, width: 12, height: 8 }, 'plain');
  d.text({ x: 494, y: 191 }, 'training', { size: 'small' });
  d.band({ x: 566, y: 183, width: 12, height: 8 }, 'accent');
  d.text({ x: 584, y: 191 }, 'this week', { size: 'small' });
}

function policy(d: Drawing): void {
  const parts: readonly { name: string; word: string; tone: Tone; width: number; isDashed?: boolean }[] = [
    { name: 'when', word: 'alert.fired', tone: 'bad', width: 116 },
    { name: 'where', word: 'severity: alert', tone: 'plain', width: 128 },
    { name: 'not too often', word: 'maxPerDay: 2', tone: 'plain', width: 122 },
    { name: 'a person agrees', word: 'approval: true', tone: 'warn', width: 146, isDashed: true },
    { name: 'do', word: 'run: train', tone: 'accent', width: 104 },
  ];
  let x = 24;
  parts.forEach(({ name, word, tone, width, isDashed = false }, i) => {
    d.box({ x, y: 36, width, height: 54 }, { tone, lines: [name, word], isDashed, isCode: true });
    x += width;
    if (i < parts.length - 1)
      d.line([
        { x: x + 3, y: 63 },
        { x: x + 21, y: 63 },
      ]);
    x += 24;
  });
  d.line(
    [
      { x: 24, y: 108 },
      { x: 24, y: 120 },
      { x: 736, y: 120 },
      { x: 736, y: 108 },
    ],
    { hasTip: false },
  );
  d.text({ x: 380, y: 146 }, 'one firing on the record: what it did, or which of these stopped it', {
    anchor: 'middle',
  });
  d.text({ x: 380, y: 166 }, 'a dry run says what it would have done with the events so far', {
    anchor: 'middle',
    tone: 'idle',
    size: 'small',
  });
}

function ledger(d: Drawing): void {
  const events: readonly [string, string][] = [
    ['run.finished', 'a3f0…'],
    ['gate.evaluated', '7c19…'],
    ['alias.moved', 'e84d…'],
    ['deployment.created', '1b62…'],
  ];
  d.text({ x: 24, y: 30 }, 'ledger: every change, each with the digest of the one before', {
    tone: 'idle',
    size: 'small',
  });
  events.forEach(([name, digest], i) => {
    const x = 24 + i * 182;
    d.box({ x, y: 40, width: 166, height: 54 }, { lines: [name, digest], isCode: true });
    if (i > 0)
      d.line([
        { x: x - 2, y: 67 },
        { x: x - 14, y: 67 },
      ]);
  });
  d.text({ x: 24, y: 130 }, 'why: the same facts from the other end', { tone: 'idle', size: 'small' });
  const chain: readonly [string, string][] = [
    ['prediction', 'score 0.064'],
    ['version 1', 'gate passed'],
    ['pipeline run', 'train'],
    ['commit', '2f7d9c3…'],
    ['dataset', 'flights@5'],
    ['bytes', 'd7e5ace…'],
  ];
  chain.forEach(([name, word], i) => {
    const x = 24 + i * 121;
    d.box({ x, y: 142, width: 107, height: 54 }, { tone: i === 0 ? 'accent' : 'plain', lines: [name, word] });
    if (i > 0)
      d.line(
        [
          { x: x - 13, y: 169 },
          { x: x - 2, y: 169 },
        ],
        { tone: 'accent' },
      );
  });
}

export function drawOperation(drawn: Drawn): readonly (readonly [string, string])[] {
  return [
    [
      'gate',
      drawn(
        212,
        'Two candidates with intervals beside a bound: one lies within it with its low end and passes, the other does not',
        gate,
      ),
    ],
    [
      'rollout',
      drawn(
        244,
        'A candidate goes from shadow over two canary stages to all of the traffic; a guard may send all of it back',
        rollout,
      ),
    ],
    [
      'prediction-log',
      drawn(
        234,
        'A request is written to the prediction log before it is answered; its outcome is joined days later',
        predictionLog,
      ),
    ],
    [
      'monitor-window',
      drawn(
        212,
        'Weeks judged ok, warning and alert, one that waits for outcomes; a column in training and now',
        monitorWindow,
      ),
    ],
    [
      'policy',
      drawn(
        190,
        'An event passes conditions, a limit and an approval before an action is done; each firing is recorded',
        policy,
      ),
    ],
    [
      'ledger',
      drawn(
        220,
        'Events chained by digests; from a prediction back to version, run, commit, dataset and bytes',
        ledger,
      ),
    ],
  ];
}
