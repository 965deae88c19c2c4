/** Which metrics and params stand in the table: ticked in a list of the keys that the runs read so far have. */
import { Popover } from '@mantine/core';
import '@mantine/core/styles/Popover.css';
import type { ReactElement } from 'react';
import { useState } from 'react';
import { Icon } from '../../components/icon.tsx';

/** `m:auc` a metric, `p:leaves` a param. */
export type ColumnKey = `m:${string}` | `p:${string}`;

export const isColumnKey = (text: string): text is ColumnKey => /^[mp]:./.test(text);

interface ColumnPickerProps {
  readonly metrics: readonly string[];
  readonly params: readonly string[];
  readonly shown: readonly ColumnKey[];
  readonly change: (shown: readonly ColumnKey[] | undefined) => void;
}

export function ColumnPicker({ metrics, params, shown, change }: ColumnPickerProps): ReactElement {
  const [needle, setNeedle] = useState('');
  const total = metrics.length + params.length;
  return (
    <Popover position="bottom-end" width={252} trapFocus withinPortal={false} shadow="md">
      <Popover.Target>
        <button type="button" className="btn">
          <Icon name="cols" />
          Columns{' '}
          <span className="t3">
            {shown.length} of {total}
          </span>
        </button>
      </Popover.Target>
      <Popover.Dropdown className="colpick" aria-label="Columns">
        <input
          className="input"
          aria-label="Find a key"
          placeholder={`Find among ${total} keys`}
          value={needle}
          onChange={(event) => setNeedle(event.target.value)}
        />
        <Keys title="Metrics" prefix="m:" keys={metrics} {...{ needle, shown, change }} />
        <Keys title="Params" prefix="p:" keys={params} {...{ needle, shown, change }} />
        <button type="button" className="btn sm ghost" onClick={() => change(undefined)}>
          As it comes
        </button>
      </Popover.Dropdown>
    </Popover>
  );
}

interface KeysProps {
  readonly title: string;
  readonly prefix: 'm:' | 'p:';
  readonly keys: readonly string[];
  readonly needle: string;
  readonly shown: readonly ColumnKey[];
  readonly change: (shown: readonly ColumnKey[]) => void;
}

function Keys({ title, prefix, keys, needle, shown, change }: KeysProps): ReactElement | null {
  const found = keys.filter((key) => key.toLowerCase().includes(needle.toLowerCase()));
  if (found.length === 0) return null;
  return (
    <fieldset>
      <legend>
        {title}, {keys.length}
      </legend>
      {found.map((key) => {
        const column: ColumnKey = `${prefix}${key}`;
        const isShown = shown.includes(column);
        return (
          <label key={key}>
            <input
              type="checkbox"
              checked={isShown}
              onChange={() => change(isShown ? shown.filter((c) => c !== column) : [...shown, column])}
            />
            <span className="el">{key}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
