/** The part of a long list whose keys have what was typed: a run may have 20,000 of them. */
import type { ReactElement } from 'react';
import { useState } from 'react';
import { count } from '../../words.ts';

/** Fewer are seen at a glance. */
const foldedMax = 12;
/** More rows than this are found by writing a part of their key. */
const rowsMax = 200;

export function useNeedle<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  noun: string,
): { shown: readonly T[]; field: ReactElement | false } {
  const [needle, setNeedle] = useState('');
  const found = items.filter((item) => keyOf(item).toLowerCase().includes(needle.toLowerCase()));
  const field = items.length > foldedMax && (
    <span className="row">
      {found.length > rowsMax && (
        <span className="t3 xs nw">
          {count(rowsMax)} of {count(found.length)}
        </span>
      )}
      <input
        className="input needle"
        aria-label={`Find a ${noun}`}
        placeholder={`Find among ${count(items.length)}`}
        value={needle}
        onChange={(event) => setNeedle(event.target.value)}
      />
    </span>
  );
  return { shown: found.slice(0, rowsMax), field };
}
