/** Files that the page itself makes. */
import type { Sheet } from './csv.ts';
import { csvOf } from './csv.ts';

/** The browser has taken the file long before. */
const keepMs = 30_000;

export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), keepMs);
}

/** `drift-by-week-20261121T1804Z`: what it is and when it was taken. */
export function fileName(label: string, now: Date = new Date()): string {
  const words = label
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '');
  return `${words.slice(0, 80) || 'slipway'}-${now.toISOString().replaceAll(/[-:]/g, '').slice(0, 13)}Z`;
}

export const downloadSheet = (label: string, sheet: Sheet): void =>
  download(`${fileName(label)}.csv`, new Blob([csvOf(sheet)], { type: 'text/csv;charset=utf-8' }));
