/** What the demo prints: one line per stage with its figures and its time, a live line below it in a terminal, and the record. */
import { paint } from '../output.ts';

export interface StageRecord {
  readonly stage: string;
  readonly seconds: number;
  readonly atSeconds: number;
  readonly sentence: string;
  readonly figures: Readonly<Record<string, unknown>>;
}

export interface Narrator {
  readonly records: readonly StageRecord[];
  /** Runs a stage: shows what is going on, then prints its sentence and keeps its figures. */
  stage<T extends Readonly<Record<string, unknown>>>(
    name: string,
    run: (live: (text: string) => void) => Promise<Told<T>>,
  ): Promise<T>;
  /** An indented line below the last stage: details, warnings, what did not hold. */
  detail(text: string): void;
}

export interface Told<T> {
  readonly sentence: string;
  readonly details?: readonly string[];
  readonly figures: T;
}

/** Where sentences begin, characters. */
const indent = 20;
/** Width of lines where there is no terminal to ask. */
const plainColumns = 140;

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width - 2) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

export function createNarrator(options: { readonly quiet: boolean; readonly startedAt: number }): Narrator {
  const records: StageRecord[] = [];
  const isLive = process.stdout.isTTY === true && !options.quiet;
  const clear = (): void => {
    if (isLive) process.stdout.write('\r\x1b[2K');
  };
  const print = (text: string): void => {
    clear();
    if (!options.quiet) process.stdout.write(`${text}\n`);
  };
  const elapsed = (): number => (performance.now() - options.startedAt) / 1000;
  const columns = Math.max(80, Math.min(process.stdout.columns ?? plainColumns, plainColumns));
  const detail = (text: string): void => {
    // A drawn tree keeps its own lines.
    const lines = /[│├└]/.test(text) ? [text.slice(0, columns - indent)] : wrap(text, columns - indent);
    lines.forEach((line, i) => print(`${' '.repeat(indent)}${i === 0 ? '' : '  '}${line}`));
  };
  return {
    records,
    detail,
    stage: async (name, run) => {
      const beganAt = elapsed();
      const live = (text: string): void => {
        if (!isLive) return;
        clear();
        const line = `${String(elapsed().toFixed(0)).padStart(5)} s  ${name.padEnd(indent - 10)}${text}`;
        process.stdout.write(paint('dim', line.slice(0, (process.stdout.columns ?? 120) - 1)));
      };
      live('…');
      const told = await run(live);
      const seconds = elapsed() - beganAt;
      records.push({ stage: name, seconds, atSeconds: elapsed(), sentence: told.sentence, figures: told.figures });
      const [first = '', ...rest] = wrap(told.sentence, columns - indent);
      print(`${elapsed().toFixed(1).padStart(6)} s  ${paint('bold', name.padEnd(indent - 10))}${first}`);
      for (const line of rest) print(`${' '.repeat(indent)}${line}`);
      for (const text of told.details ?? []) detail(text);
      return told.figures;
    },
  };
}
