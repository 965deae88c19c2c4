/** From any id to where it came from. */
import type { ReactElement } from 'react';
import { Link, useNavigate } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Grid, PageHead, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { placeOfId, to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { decimals, fullInstant, instant, short } from '../../words.ts';

const recentShown = 12;

export function Page(): ReactElement {
  useView('slipway why prediction <id>', 'endpoints.list', { query: { limit: 1 } });
  const endpoints = useAsk('endpoints.list', { query: { limit: 1 } });
  const endpoint = endpoints.data?.items[0]?.name ?? '';
  const predictions = useAsk(
    'endpoints.predictions',
    { params: { endpoint }, query: { limit: recentShown } },
    { enabled: endpoint !== '' },
  );
  return (
    <>
      <PageHead
        title="Lineage"
        sentence="From any prediction, version, run or alert back to the digests of its data and the commit of its code."
      />
      <Grid>
        <Panel title="Where did this come from?" span={5}>
          <Find />
        </Panel>
        <Panel title="Some predictions" caption={endpoint} span={7} flush>
          {endpoints.data?.items.length === 0 ? (
            <EmptyState title="No endpoint yet" command="slipway endpoint deploy NAME champion">
              Predictions of an endpoint appear here.
            </EmptyState>
          ) : (
            <Loaded query={predictions}>
              {({ items }) => (
                <ul>
                  {items.map((p) => (
                    <li className="ev" key={p.id}>
                      <time title={fullInstant(p.at)}>{instant(p.at)}</time>
                      <span />
                      <span className="el">
                        <Link to={to.why('prediction', p.id)}>{short(p.id)}</Link> scored {decimals(p.score)} by v
                        {p.version}
                      </span>
                      <span className="t3">
                        {p.label === undefined ? 'no outcome yet' : `outcome ${p.label.value}`}
                      </span>
                    </li>
                  ))}
                </ul>
              )}
            </Loaded>
          )}
        </Panel>
      </Grid>
    </>
  );
}

function Find(): ReactElement {
  const navigate = useNavigate();
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        const value = new FormData(event.currentTarget).get('id');
        const id = typeof value === 'string' ? value.trim() : '';
        const version = /^([^/@\s]+)[/@](\S+)$/.exec(id);
        if (version !== null) return void navigate(to.why('version', id.replace('@', '/')));
        // An id of MLflow, a digest, a name: the server knows.
        void navigate(placeOfId(id) ?? to.anything(id));
      }}
    >
      <label className="t2 sm" htmlFor="why-id">
        An id, a digest, a name, or a model version such as flight-delay/2
      </label>
      <input className="input mono" id="why-id" name="id" data-filter required />
      <button type="submit" className="btn pri">
        Show the chain
      </button>
    </form>
  );
}
