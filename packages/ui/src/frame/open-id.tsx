/** `/w/default/x/run_…`: any id that a log or a chat shows leads to its page. */
import type { ReactElement } from 'react';
import { Navigate, useParams } from 'react-router';
import { useAsk } from '../api/queries.ts';
import { PageHead } from '../components/layout.tsx';
import { EmptyState, Loaded } from '../components/states.tsx';
import { placeOfFound } from './found.ts';
import { placeOfId } from './places.ts';

export function OpenId(): ReactElement {
  const { '*': text = '' } = useParams();
  const known = placeOfId(text);
  const found = useAsk('palette.search', { query: { q: text } }, { enabled: known === undefined && text !== '' });
  if (known !== undefined) return <Navigate to={known} replace />;
  return (
    <Loaded query={found}>
      {({ items: [first] }) => {
        const place = first === undefined ? undefined : placeOfFound(first);
        if (place?.startsWith('/w/') === true) return <Navigate to={place} replace />;
        return (
          <>
            <PageHead title="Nothing has this id" />
            <EmptyState title={text === '' ? 'An id belongs at the end of the address' : text}>
              It may have been cut, or it is of another workspace. Ctrl K searches by name.
            </EmptyState>
          </>
        );
      }}
    </Loaded>
  );
}
