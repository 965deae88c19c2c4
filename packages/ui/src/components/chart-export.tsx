/** A chart as a picture and as numbers. The picture says what it shows, in which unit and zone, and where it was taken. */
import type { ReactElement } from 'react';
import { zoneWord } from '../words.ts';
import type { Sheet } from './csv.ts';
import { download, downloadSheet, fileName } from './download.ts';

export interface Legend {
  readonly name: string;
  /** A colour token such as `--c1`. */
  readonly color: string;
  readonly isDashed?: boolean;
}

interface ChartExportProps {
  readonly label: string;
  readonly unit?: string | undefined;
  /** Whether its axis is time: then the zone is said. */
  readonly isTime?: boolean;
  readonly legend?: readonly Legend[];
  readonly sheet: () => Sheet;
  /** The drawn chart; undefined leaves the picture out. */
  readonly draw: (() => HTMLCanvasElement | Promise<HTMLCanvasElement> | undefined) | undefined;
}

export function ChartExport(props: ChartExportProps): ReactElement {
  const { label, sheet, draw } = props;
  return (
    <>
      <button
        type="button"
        className="btn sm ghost"
        aria-label={`CSV of ${label}`}
        title="Its numbers as CSV"
        onClick={() => downloadSheet(label, sheet())}
      >
        CSV
      </button>
      {draw !== undefined && (
        <button
          type="button"
          className="btn sm ghost"
          aria-label={`PNG of ${label}`}
          title="This chart as a picture"
          onClick={() => void savePicture(props)}
        >
          PNG
        </button>
      )}
    </>
  );
}

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** CSS pixels around the chart: a head for the title and legend, a foot for unit, zone and address. */
const frame = { side: 16, head: 58, foot: 30 } as const;

async function savePicture({ label, unit, isTime = false, legend = [], draw }: ChartExportProps): Promise<void> {
  const chart = await draw?.();
  if (chart === undefined) return;
  const scale = devicePixelRatio;
  const canvas = document.createElement('canvas');
  canvas.width = chart.width + 2 * frame.side * scale;
  canvas.height = chart.height + (frame.head + frame.foot) * scale;
  const pen = canvas.getContext('2d');
  if (pen === null) return;
  pen.fillStyle = token('--surface');
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(chart, frame.side * scale, frame.head * scale);
  pen.scale(scale, scale);
  const width = canvas.width / scale - 2 * frame.side;
  const write = (text: string, size: number, color: string, [x, y]: readonly [number, number]): number => {
    pen.font = `${size}px ${token('--font-sans')}`;
    pen.fillStyle = token(color);
    pen.fillText(text, x, y, width);
    return pen.measureText(text).width;
  };
  write(unit === undefined ? label : `${label}, ${unit}`, 14, '--text', [frame.side, 24]);
  let x = frame.side;
  for (const { name, color, isDashed = false } of legend) {
    pen.strokeStyle = token(color);
    pen.lineWidth = 2;
    pen.setLineDash(isDashed ? [4, 3] : []);
    pen.beginPath();
    pen.moveTo(x, 42);
    pen.lineTo(x + 14, 42);
    pen.stroke();
    x += 20 + write(name, 12, '--text-2', [x + 19, 46]) + 14;
  }
  const taken = new Date().toISOString().slice(0, 16).replace('T', ' ');
  const foot = [...(isTime ? [`times in ${zoneWord()}`] : []), `taken ${taken} UTC`, location.host + location.pathname];
  write(foot.join(' · '), 11, '--text-3', [frame.side, canvas.height / scale - 11]);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob !== null) download(`${fileName(label)}.png`, blob);
}

const drawn = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'opacity', 'font', 'text-anchor'] as const;

/** For charts that are drawn as SVG: the same, with the colours of the theme in it. */
export async function canvasOfSvg(svg: SVGSVGElement): Promise<HTMLCanvasElement> {
  const copy = svg.cloneNode(true);
  if (!(copy instanceof SVGSVGElement)) throw new TypeError('the copy of an SVG is no SVG');
  const from = svg.querySelectorAll('*');
  for (const [i, element] of copy.querySelectorAll('*').entries()) {
    const source = from[i];
    if (source === undefined) continue;
    const style = getComputedStyle(source);
    for (const name of drawn) element.setAttribute(name, style.getPropertyValue(name));
  }
  const { width, height } = svg.getBoundingClientRect();
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}
