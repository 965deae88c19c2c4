/**
 * Follows pages and writes into them what their commands print now, so that what a guide shows is never typed by hand.
 * Blocks that leave something out with `…`, and those that show the same, stay as they are; a block of one `…` is filled.
 *
 *   node tests/journeys/guides/record.ts docs/guides/quickstart.md …
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { followGuide } from './follow.ts';
import { parseGuide } from './guide.ts';
import { differenceOf } from './output.ts';

for (const page of process.argv.slice(2)) {
  const text = readFileSync(page, 'utf8');
  const { problems, outputs } = await followGuide(page, parseGuide(page, text));
  const lines = text.split('\n');
  // From the last block to the first: what is above keeps its line.
  for (const { block, printed } of outputs.toReversed()) {
    if (block.kind !== 'output') continue;
    const isEmpty = block.text.trim() === '…';
    if (!isEmpty && (block.text.includes('…') || differenceOf(block.text, printed) === undefined)) continue;
    lines.splice(block.line - 1, block.text.split('\n').length - 1, ...printed.trimEnd().split('\n'));
    console.log(`${page}:${block.line}: written anew`);
  }
  writeFileSync(page, lines.join('\n'));
  for (const problem of problems) console.log(problem);
}
