/** The rows of a version, a page at a time, with the columns that are wanted. */
import type { DatasetVersion } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAskPages } from '../../api/queries.ts';
import { LoadedPages } from '../../components/loaded-pages.tsx';
import type { ViewState } from '../../components/use-view-state.ts';
import { plural } from '../../words.ts';
import { RowTable } from './row-table.tsx';

const rowsAtOnce = 50;
/** As many as the server shows unless told which. */
const columnsShown = 50;

/** Names lie in the address as JSON: they may hold anything. */
function chosenOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  try {
    const names: unknown = JSON.parse(text);
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : undefined;
  } catch {
    return undefined;
  }
}

export function Rows({ version, view }: { version: DatasetVersion; view: ViewState }): ReactElement {
  const names = version.schema.map((c) => c.name);
  const chosen = (chosenOf(view.get('columns')) ?? names.slice(0, columnsShown)).filter((name) => names.includes(name));
  const isAll = view.get('columns') === undefined || chosen.length === 0;
  const rows = useAskPages('datasets.rows', {
    params: { dataset: version.dataset, version: String(version.number) },
    query: { limit: rowsAtOnce, ...(isAll ? {} : { columns: JSON.stringify(chosen) }) },
  });
  const set = (next: readonly string[]): void =>
    view.set({ columns: next.length === 0 ? undefined : JSON.stringify(next) }, { isStep: false });
  return (
    <>
      <details className="dt-choose">
        <summary>
          {isAll
            ? plural(Math.min(names.length, columnsShown), 'column')
            : `${chosen.length} of ${plural(names.length, 'column')}`}
        </summary>
        <fieldset>
          <legend className="sr">Columns shown</legend>
          {names.map((name) => (
            <label key={name} className="row">
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={(e) =>
                  set(
                    e.currentTarget.checked
                      ? names.filter((n) => n === name || chosen.includes(n))
                      : chosen.filter((n) => n !== name),
                  )
                }
              />
              <code className="el">
                <bdi>{name}</bdi>
              </code>
            </label>
          ))}
        </fieldset>
        <button type="button" className="btn sm" onClick={() => view.set({ columns: undefined }, { isStep: false })}>
          All of them
        </button>
      </details>
      <LoadedPages query={rows} lines={10}>
        {(items, more) => (
          <RowTable label="Rows" columns={rows.data?.pages[0]?.columns ?? []} rows={items} more={more} />
        )}
      </LoadedPages>
    </>
  );
}
