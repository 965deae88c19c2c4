/**
 * The words of a column of short texts that are worth counting: those that most rows have. Words are compared in small
 * letters without what is neither letter nor digit at their ends; every spelling that was seen, and the usual ones beside
 * it, leads to the word, because the model file can look pieces up but not change their case.
 */
import { splitText } from '@slipway/onnx';
import type { ColumnEncoding } from '@slipway/onnx';
import { textsOf } from './encode-columns.ts';
import type { TableColumn } from './table.ts';

const usualEnds: readonly string[] = ['', '.', ',', '!', '?', ';', ':'];
/** Rows that have a word before it is worth a feature. */
const wordRowsMin = 3;
/** Spellings of one word that are kept. */
const spellingsMax = 60;

function wordOf(piece: string): string {
  return piece.toLowerCase().replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
}

interface Vocabulary {
  /** Rows that have the word. */
  readonly rowsWith: Map<string, number>;
  readonly spelled: Map<string, Set<string>>;
}

function readText(text: string, { rowsWith, spelled }: Vocabulary): void {
  const words = new Set<string>();
  for (const piece of splitText(text)) {
    const word = wordOf(piece);
    if (word === '') continue;
    words.add(word);
    const spellings = spelled.get(word);
    if (spellings === undefined) spelled.set(word, new Set([piece]));
    else if (spellings.size < spellingsMax) spellings.add(piece);
  }
  for (const word of words) rowsWith.set(word, (rowsWith.get(word) ?? 0) + 1);
}

/** An encoding, or why there is none. */
export function fitWords(column: TableColumn, rows: Uint32Array, wordsMax: number): ColumnEncoding | string {
  const values = textsOf(column);
  const vocabulary: Vocabulary = { rowsWith: new Map(), spelled: new Map() };
  const first = values[rows[0] ?? 0] ?? '';
  let isConstant = true;
  for (const row of rows) {
    const text = values[row] ?? '';
    if (text !== first) isConstant = false;
    readText(text, vocabulary);
  }
  if (isConstant) return first === '' ? 'every value is missing' : 'every text is the same';
  const words = Array.from(vocabulary.rowsWith)
    .filter(([, count]) => count >= wordRowsMin && count < rows.length)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, wordsMax)
    .map(([word]) => word);
  const spellings: string[] = [];
  const spelledWords: number[] = [];
  for (const [index, word] of words.entries()) {
    for (const spelling of spellingsOf(word, vocabulary.spelled.get(word))) {
      spellings.push(spelling);
      spelledWords.push(index);
    }
  }
  return { kind: 'text', column: column.name, words, spellings, spelledWords };
}

function spellingsOf(word: string, seen: ReadonlySet<string> = new Set()): readonly string[] {
  const capital = word.slice(0, 1).toUpperCase() + word.slice(1);
  const usual = [word, capital, word.toUpperCase()].flatMap((form) => usualEnds.map((end) => form + end));
  return [...new Set([...usual, ...seen])].filter((spelling) => wordOf(spelling) === word);
}
