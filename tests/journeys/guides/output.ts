/**
 * What a guide shows beside what was printed. Equal up to what no two runs share: instants, how long something took, ids,
 * digests, the width of columns; and up to the last places of measured figures, which differ between kinds of processors
 * and from one state of the trainer to the next. What only a slow machine prints, how far a run has come, is left out of both.
 * A line `…` stands for any lines, `…` within a line for anything on it.
 */

/** Figures with a decimal point may differ by this part of the greater one, and by this much. */
const figureRatioMax = 0.1;
const figureGapMax = 0.03;

export function masked(text: string): string {
  return text
    .replaceAll(/^\S+: \d+ of \d+ steps done.*\n/gm, '')
    .replaceAll(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d|UTC))?/g, '<instant>')
    .replaceAll(/\b([a-z]{2,5})_[0-9a-hjkmnp-tv-z]{26}\b/g, '$1_<id>')
    .replaceAll(/\b(?:sha256:)?(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b/g, '<digest>')
    .replaceAll(/\b\d[\d,]*(?:\.\d+)? (?:ms|s|µs)\b/g, '<time>')
    .replaceAll(/\bprocess \d+/g, 'process <pid>')
    .replaceAll(/127\.0\.0\.1:\d+/g, '<address>')
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/ $/gm, '')
    .trim();
}

/** What differs, as a sentence; undefined where the guide shows what was printed. */
export function differenceOf(shown: string, printed: string): string | undefined {
  return differsFrom(masked(shown).split('\n'), masked(printed).split('\n'))?.problem;
}

interface Difference {
  readonly problem: string;
  /** Lines of the guide that were found: of several ways to read a `…`, the one that gets furthest is told. */
  readonly found: number;
}

function differsFrom(wanted: readonly string[], printed: readonly string[]): Difference | undefined {
  const gap = wanted.findIndex((line) => line.trim() === '…');
  const head = gap < 0 ? wanted : wanted.slice(0, gap);
  for (const [i, line] of head.entries()) {
    const other = printed[i];
    if (other === undefined) return { problem: `the guide shows "${line}", but nothing more was printed`, found: i };
    if (!isLike(line, other)) return { problem: `the guide shows "${line}", printed was "${other}"`, found: i };
  }
  const found = head.length;
  if (gap < 0)
    return printed.length > found ? { problem: `the guide does not show "${printed[found]}"`, found } : undefined;
  const rest = wanted.slice(gap + 1);
  if (rest.length === 0) return undefined;
  let best: Difference | undefined;
  for (let from = found; from < printed.length; from++) {
    const difference = differsFrom(rest, printed.slice(from));
    if (difference === undefined) return undefined;
    if (best === undefined || difference.found > best.found) best = difference;
  }
  if (best === undefined || best.found === 0) return { problem: `"${rest[0]}" was not printed`, found };
  return { problem: best.problem, found: found + best.found };
}

const figure = /-?\b\d+\.\d+\b/g;

function isLike(shown: string, printed: string): boolean {
  if (shown === printed) return true;
  const pattern = shown
    .split(figure)
    .map((text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*?'))
    .join(`(${figure.source})`);
  const found = new RegExp(`^${pattern}$`).exec(printed);
  if (found === null) return false;
  return [...shown.matchAll(figure)].every(([text], i) => isNear(Number(text), Number(found[i + 1])));
}

const isNear = (a: number, b: number): boolean =>
  Math.abs(a - b) <= figureGapMax + figureRatioMax * Math.max(Math.abs(a), Math.abs(b));
