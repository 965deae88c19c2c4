/** The README's picture: the loop that a model goes through, and what all of it stands on. */
import type { Drawing, Tone } from './drawing.ts';
import { createDrawing } from './drawing.ts';

const [width, height] = [1040, 380];
const box = { width: 176, height: 74 };
const at = (column: number): number => 20 + column * 206;

interface Stage {
  readonly column: number;
  readonly lines: readonly string[];
}

/** Started by somebody. */
const building: readonly Stage[] = [
  { column: 0, lines: ['data', 'months become versions', 'digest, rows, schema'] },
  { column: 1, lines: ['validate', '61 expectations', 'one scan a table'] },
  { column: 2, lines: ['features', 'one definition', 'same bits off- and online'] },
  { column: 3, lines: ['train', 'three settings at once', 'trees in WebAssembly'] },
  { column: 4, lines: ['gate', 'judged on unseen weeks', 'no pass, no alias'] },
];

/** Goes on by itself, from right to left. */
const running: readonly Stage[] = [
  { column: 4, lines: ['serve', 'logged, then answered', 'features as of now'] },
  { column: 3, lines: ['monitor', 'late labels joined', 'decay told from season'] },
  { column: 2, lines: ['retrain', 'an alert, a policy', 'on all data so far'] },
  { column: 1, lines: ['roll out', 'shadow, 10 %, 50 %', 'promotes or rolls back'] },
];

function base(
  d: Drawing,
  y: number,
  { name, text, from }: { readonly name: string; readonly text: string; readonly from: number },
): void {
  d.box({ x: 20, y, width: width - 40, height: 44 }, {});
  d.text({ x: 34, y: y + 27 }, name, { size: 'title' });
  d.text({ x: from, y: y + 27 }, text, { size: 'small', tone: 'idle' });
}

export function lifecyclePicture(): string {
  const d = createDrawing(
    { width, height },
    'Data is validated, made into features, trained on, gated, served, monitored; an alert retrains, a rollout promotes or rolls back; the ledger sees all of it',
  );
  const draw = (stages: readonly Stage[], y: number, tone: Tone): void => {
    for (const { column, lines } of stages) d.box({ x: at(column), y, ...box }, { tone, lines });
  };
  draw(building, 20, 'plain');
  draw(running, 150, 'accent');
  for (let column = 0; column < 4; column++)
    d.line([
      { x: at(column) + 179, y: 57 },
      { x: at(column + 1) - 4, y: 57 },
    ]);
  d.line([
    { x: at(4) + 88, y: 97 },
    { x: at(4) + 88, y: 146 },
  ]);
  for (let column = 4; column > 1; column--)
    d.line(
      [
        { x: at(column) - 3, y: 187 },
        { x: at(column) - 26, y: 187 },
      ],
      { tone: 'accent' },
    );
  d.line(
    [
      { x: at(2) + 88, y: 147 },
      { x: at(2) + 88, y: 98 },
    ],
    { tone: 'accent', isDashed: true },
  );
  d.text({ x: at(2) + 98, y: 126 }, 'the same pipeline', { size: 'small', tone: 'idle' });
  d.text({ x: 20, y: 180 }, 'plain: you start it', { size: 'small', tone: 'idle' });
  d.text({ x: 20, y: 198 }, 'blue: goes on by itself', { size: 'small', tone: 'accent' });
  base(d, 262, {
    name: 'why',
    from: 84,
    text: 'every change is an event in one hash-chained ledger: from any prediction back to version, gate, run, data digests and commit',
  });
  base(d, 318, {
    name: 'one program',
    from: 150,
    text: 'one port, one database (SQLite or PostgreSQL), files named by content; MLflow and Open Inference clients work unmodified',
  });
  return d.toSvg();
}
