/** One picture for each idea of docs/concepts.md, by the name of its file. */
import type { Drawing, Tone } from './drawing.ts';
import { createDrawing } from './drawing.ts';
import { drawOperation } from './operation.ts';

const width = 760;

/** A drawing of the width that a page has, as SVG. */
export function drawn(height: number, label: string, draw: (d: Drawing) => void): string {
  const drawing = createDrawing({ width, height }, label);
  draw(drawing);
  return drawing.toSvg();
}

const rows = (...y: readonly number[]): readonly number[] => y;

function dataVersion(d: Drawing): void {
  d.text({ x: 24, y: 32 }, 'versions: which files, in which order', { tone: 'idle', size: 'small' });
  d.text({ x: 24, y: 268 }, 'bytes: stored once, named by their digest; february was mended in version 3', {
    tone: 'idle',
    size: 'small',
  });
  const objects = [
    { x: 60, name: 'd7e5ac…' },
    { x: 240, name: 'dc83d1…' },
    { x: 420, name: '41b09f…' },
    { x: 600, name: '9582c0…' },
  ];
  const versions = [
    { x: 24, width: 120, name: 'version 1', files: [['january', 0]] },
    {
      x: 184,
      width: 220,
      name: 'version 2',
      files: [
        ['january', 0],
        ['february', 1],
      ],
    },
    {
      x: 444,
      width: 292,
      name: 'version 3',
      files: [
        ['january', 0],
        ['february', 2],
        ['march', 3],
      ],
    },
  ] as const;
  for (const version of versions) {
    d.box({ x: version.x, y: 44, width: version.width, height: 82 }, {});
    d.text({ x: version.x + 12, y: 66 }, version.name, { size: 'title' });
    version.files.forEach(([file, object], i) => {
      const x = version.x + 12 + i * 92;
      const isNew = !versions.some((other) => other.x < version.x && other.files.some(([, known]) => known === object));
      d.box({ x, y: 80, width: 84, height: 32 }, { tone: isNew ? 'accent' : 'idle' });
      d.text({ x: x + 42, y: 101 }, file, { size: 'small', anchor: 'middle', tone: isNew ? 'accent' : 'idle' });
      const to = objects[object];
      if (to !== undefined)
        d.line(
          [
            { x: x + 42, y: 113 },
            { x: to.x + 50, y: 208 },
          ],
          { tone: isNew ? 'accent' : 'idle', isDashed: !isNew },
        );
    });
  }
  for (const { x, name } of objects) {
    d.box({ x, y: 210, width: 100, height: 32 }, {});
    d.text({ x: x + 50, y: 231 }, name, { isCode: true, anchor: 'middle' });
  }
}

function expectation(d: Drawing): void {
  const cells = [
    ['origin', 'distance', 'speed'],
    ['EWR', '719', '382'],
    ['JFK', '1,089', '411'],
    ['BOS', '1,416', '2,950'],
    ['LGA', '762', '396'],
  ];
  cells.forEach((cellsOfRow, row) =>
    cellsOfRow.forEach((cell, column) => {
      const isWrong = row === 3 && column !== 1;
      const area = { x: 24 + column * 84, y: 24 + row * 34, width: 80, height: 30 };
      d.box(area, { tone: isWrong ? 'bad' : row === 0 ? 'idle' : 'plain' });
      const style = {
        anchor: 'middle',
        size: row === 0 ? 'small' : 'normal',
        tone: isWrong ? 'bad' : row === 0 ? 'idle' : 'plain',
      } as const;
      d.text({ x: area.x + 40, y: area.y + 20 }, cell, style);
    }),
  );
  d.line([
    { x: 284, y: 106 },
    { x: 316, y: 106 },
  ]);
  const rules: readonly [string, string, Tone][] = [
    ['origin is one of EWR, JFK, LGA', '1 row does not hold', 'bad'],
    ['distance is between 80 and 4983', 'holds', 'ok'],
    ['speed is between 100 and 650', '1 row does not hold', 'bad'],
  ];
  rules.forEach(([rule, result, tone], i) => {
    d.box({ x: 320, y: 24 + i * 58, width: 270, height: 50 }, { tone, lines: [rule, result] });
  });
  d.line(
    [
      { x: 592, y: 106 },
      { x: 608, y: 106 },
    ],
    { tone: 'bad' },
  );
  d.box({ x: 611, y: 80, width: 129, height: 52 }, { tone: 'bad', lines: ['the run stops', 'nothing is learnt'] });
}

function pointInTime(d: Drawing): void {
  const [past, now] = [160, 520];
  d.box({ x: past, y: 60, width: now - past, height: 118 });
  d.text({ x: (past + now) / 2, y: 48 }, 'over 30 d', { anchor: 'middle', tone: 'idle', size: 'small' });
  d.line(
    [
      { x: now, y: 36 },
      { x: now, y: 196 },
    ],
    { tone: 'accent', hasTip: false },
  );
  d.text({ x: now + 8, y: 46 }, 'the row: an order comes in', { tone: 'accent', size: 'small' });
  const events: readonly { from: number; to: number; tone: Tone; word: string }[] = [
    { from: 30, to: 80, tone: 'idle', word: 'too old' },
    { from: 190, to: 250, tone: 'ok', word: 'counts' },
    { from: 300, to: 400, tone: 'ok', word: 'counts' },
    { from: 450, to: 610, tone: 'bad', word: 'not known yet' },
  ];
  events.forEach(({ from, to, tone, word }, i) => {
    const y = 82 + i * 24;
    d.line(
      [
        { x: from, y },
        { x: to - 6, y },
      ],
      { tone, hasTip: false },
    );
    d.dot({ x: to, y }, tone);
    d.text({ x: to + 12, y: y + 4 }, word, { tone, size: 'small' });
  });
  d.line([
    { x: 24, y: 196 },
    { x: 736, y: 196 },
  ]);
  d.text({ x: 736, y: 216 }, 'time', { tone: 'idle', size: 'small', anchor: 'end' });
  d.text({ x: 24, y: 216 }, 'a delivery: from its order to its arrival, when the outcome is known', {
    tone: 'idle',
    size: 'small',
  });
}

function pipelineRun(d: Drawing): void {
  const steps: readonly { x: number; y: number; name: string; word: string; tone: Tone }[] = [
    { x: 24, y: 76, name: 'check', word: 'reused', tone: 'idle' },
    { x: 174, y: 76, name: 'rows', word: 'reused', tone: 'idle' },
    { x: 324, y: 24, name: 'baseline', word: 'reused', tone: 'idle' },
    { x: 324, y: 128, name: 'train', word: 'ran: code changed', tone: 'accent' },
    { x: 490, y: 76, name: 'evaluate', word: 'ran: input changed', tone: 'accent' },
    { x: 656, y: 76, name: 'gate', word: 'ran', tone: 'accent' },
  ];
  for (const { x, y, name, word, tone } of steps) {
    const isLast = name === 'gate';
    d.box({ x, y, width: isLast ? 80 : 134, height: 52 }, { tone, lines: [name, word], isDashed: word === 'reused' });
  }
  d.line([
    { x: 160, y: 102 },
    { x: 171, y: 102 },
  ]);
  d.line([
    { x: 310, y: 92 },
    { x: 321, y: 60 },
  ]);
  d.line(
    [
      { x: 310, y: 112 },
      { x: 321, y: 144 },
    ],
    { tone: 'accent' },
  );
  d.line([
    { x: 460, y: 60 },
    { x: 487, y: 92 },
  ]);
  d.line(
    [
      { x: 460, y: 144 },
      { x: 487, y: 112 },
    ],
    { tone: 'accent' },
  );
  d.line(
    [
      { x: 626, y: 102 },
      { x: 653, y: 102 },
    ],
    { tone: 'accent' },
  );
  d.text(
    { x: 24, y: 212 },
    'dashed: the same code and the same inputs as an earlier success, so what it made is taken',
    { tone: 'idle', size: 'small' },
  );
}

function experiment(d: Drawing): void {
  d.box({ x: 24, y: 20, width: 712, height: 184 }, { tone: 'idle' });
  d.text({ x: 40, y: 46 }, 'experiment "train"', { size: 'title' });
  const runs: readonly { name: string; params: string; figure: string; tone: Tone; curve: readonly number[] }[] = [
    {
      name: 'run steady',
      params: 'rate 0.05, leaves 15',
      figure: 'log loss 0.461',
      tone: 'accent',
      curve: rows(0, 26, 38, 44, 47, 48),
    },
    {
      name: 'run quick',
      params: 'rate 0.20, leaves 15',
      figure: 'log loss 0.474',
      tone: 'idle',
      curve: rows(0, 36, 42, 42, 41, 40),
    },
    {
      name: 'run wide',
      params: 'rate 0.05, leaves 63',
      figure: 'log loss 0.468',
      tone: 'idle',
      curve: rows(0, 30, 40, 44, 45, 44),
    },
  ];
  runs.forEach(({ name, params, figure, tone, curve }, i) => {
    const x = 40 + i * 232;
    d.box({ x, y: 60, width: 216, height: 128 }, {});
    d.text({ x: x + 12, y: 82 }, name, { size: 'title', tone: tone === 'idle' ? 'plain' : tone });
    d.text({ x: x + 12, y: 100 }, params, { isCode: true, tone: 'idle' });
    d.line(
      curve.map((drop, step) => ({ x: x + 14 + step * 37, y: 112 + drop })),
      { tone, hasTip: false },
    );
    d.text({ x: x + 12, y: 178 }, figure, { size: 'small', tone: tone === 'idle' ? 'plain' : tone });
  });
}

function modelVersion(d: Drawing): void {
  const at = (i: number): number => 24 + i * 182;
  ['version 1', 'version 2', 'version 3', 'version 4'].forEach((name, i) => {
    const words = ['gate passed', 'gate passed', 'gate passed', 'no gate'];
    const word = words[i] ?? '';
    d.box(
      { x: at(i), y: 122, width: 166, height: 72 },
      { lines: [name, word, 'files, signature, origin'], tone: i === 3 ? 'idle' : 'plain' },
    );
  });
  const alias = (i: number, word: string, tone: Tone): void => {
    d.box({ x: at(i) + 18, y: 30, width: 130, height: 36 }, { tone });
    d.text({ x: at(i) + 83, y: 53 }, word, { size: 'title', tone, anchor: 'middle' });
    d.line(
      [
        { x: at(i) + 83, y: 68 },
        { x: at(i) + 83, y: 119 },
      ],
      { tone },
    );
  };
  d.line(
    [
      { x: at(0) + 83, y: 119 },
      { x: at(1) + 14, y: 52 },
    ],
    { isDashed: true, hasTip: false },
  );
  d.text({ x: at(0), y: 84 }, 'yesterday', { tone: 'idle', size: 'small' });
  alias(1, 'champion', 'accent');
  alias(2, 'challenger', 'warn');
  d.line(
    [
      { x: at(3) + 83, y: 119 },
      { x: at(3) + 83, y: 78 },
    ],
    { tone: 'bad', isDashed: true, hasTip: false },
  );
  d.text({ x: at(3) + 83, y: 66 }, 'cannot be champion', { tone: 'bad', size: 'small', anchor: 'middle' });
}

/** Name of the file below docs/pictures/concepts, and its text. */
export function conceptPictures(): readonly (readonly [string, string])[] {
  return [
    [
      'data-version',
      drawn(
        284,
        'Three versions of a dataset point at the same stored bytes; only a changed or new file is stored',
        dataVersion,
      ),
    ],
    [
      'expectation',
      drawn(206, 'Rows of a table beside three rules, of which two do not hold, so the run stops', expectation),
    ],
    [
      'point-in-time',
      drawn(
        236,
        'Four deliveries on a line of time; only those that arrived within thirty days before the order count',
        pointInTime,
      ),
    ],
    [
      'pipeline-run',
      drawn(230, 'Six steps of a pipeline; three are reused, three ran because code or an input changed', pipelineRun),
    ],
    [
      'experiment',
      drawn(224, 'An experiment with three runs, each with params, a curve of the loss and its last value', experiment),
    ],
    [
      'model-version',
      drawn(
        214,
        'Four versions of a model; the alias champion moved from the first to the second, one without a gate cannot have it',
        modelVersion,
      ),
    ],
    ...drawOperation(drawn),
  ];
}
