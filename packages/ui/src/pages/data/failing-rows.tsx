/** Every row that failed an expectation, read again from the version that was checked. */
import type { ExpectationResult } from '@slipway/contract';
import type { ReactElement } from 'react';
import { useAskPages } from '../../api/queries.ts';
import { LoadedPages } from '../../components/loaded-pages.tsx';
import { EmptyState } from '../../components/states.tsx';
import { RowTable } from './row-table.tsx';

const rowsAtOnce = 50;

export function FailingRows({ validation, result }: { validation: string; result: ExpectationResult }): ReactElement {
  const rows = useAskPages('validations.rows', {
    params: { validation },
    query: { expectation: result.id, limit: rowsAtOnce },
  });
  return (
    <LoadedPages query={rows} lines={4}>
      {(items, more) =>
        items.length === 0 ? (
          <EmptyState title="No single row fails it" />
        ) : (
          <RowTable
            label="Failing rows"
            columns={rows.data?.pages[0]?.columns ?? []}
            rows={items}
            marked={new Set(result.column?.split(', '))}
            more={more}
          />
        )
      }
    </LoadedPages>
  );
}
