/** What is written on a chart: events as dashed verticals with a word, and names at the ends of lines. */
import type uPlot from 'uplot';

export interface ChartMark {
  readonly x: number;
  readonly name: string;
  /** A colour token; the quiet one unless said. */
  readonly color?: string;
}

interface EndLabelled {
  /** A colour token. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  readonly endLabel?: string;
}

/** Of the plot, kept free for names at the ends of lines; and between two of them. */
export const endLabelsWidth = 86;
const endLabelPx = 13;
/** Words that would lie over each other go to the next of so many lines. */
const markLines = 3;
const markLinePx = 12;

export const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function drawMarks(plot: uPlot, marks: readonly ChartMark[], isTime: boolean): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px ${token('--font-sans')}`;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.lineWidth = devicePixelRatio;
  const takenTo: number[] = Array.from({ length: markLines }, () => -Infinity);
  for (const mark of marks) {
    const x = plot.valToPos(isTime ? mark.x / 1000 : mark.x, 'x', true);
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
    ctx.strokeStyle = token(mark.color ?? '--zero');
    ctx.fillStyle = token(mark.color ?? '--text-2');
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const gap = 4 * devicePixelRatio;
    const width = ctx.measureText(mark.name).width;
    const isLate = x + gap + width > bbox.left + bbox.width;
    const left = isLate ? x - gap - width : x + gap;
    const free = takenTo.findIndex((end) => left > end);
    // No free line: the vertical alone.
    if (free < 0) continue;
    takenTo[free] = left + width + gap;
    ctx.textAlign = 'left';
    ctx.fillText(mark.name, left, bbox.top + (10 + free * markLinePx) * devicePixelRatio);
  }
  ctx.restore();
}

/** Names at the right ends of the lines, moved apart where they would lie over each other. */
export function drawEndLabels(plot: uPlot, series: readonly EndLabelled[]): void {
  const { ctx, bbox } = plot;
  const ends: { readonly text: string; readonly color: string; y: number }[] = [];
  for (const s of series) {
    const last = s.values.findLast((value) => value !== null);
    if (s.endLabel !== undefined && typeof last === 'number')
      ends.push({ text: s.endLabel, color: token(s.color), y: plot.valToPos(last, 'y', true) });
  }
  if (ends.length === 0) return;
  ends.sort((a, b) => a.y - b.y);
  const gap = endLabelPx * devicePixelRatio;
  ends.forEach((end, i) => {
    end.y = Math.max(end.y, (ends[i - 1]?.y ?? -Infinity) + gap);
  });
  // The lowest one stays inside, and pushes those above it up again.
  ends.reduceRight((below, end) => (end.y = Math.min(end.y, below - gap)), bbox.top + bbox.height + gap);
  ctx.save();
  ctx.font = `500 ${11 * devicePixelRatio}px ${token('--font-sans')}`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  for (const { text, color, y } of ends) {
    ctx.fillStyle = color;
    ctx.fillText(text, bbox.left + bbox.width + 6 * devicePixelRatio, y);
  }
  ctx.restore();
}
