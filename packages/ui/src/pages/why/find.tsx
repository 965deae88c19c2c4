/** From any id to where it came from. */
import type { ReactElement } from 'react';
import { Link, useNavigate } from 'react-router';
import { useAsk } from '../../api/queries.ts';
import { Grid, PageHead, Pairs, Panel } from '../../components/layout.tsx';
import { EmptyState, Loaded } from '../../components/states.tsx';
import { placeOfId, to } from '../../frame/places.ts';
import { useView } from '../../frame/view.tsx';
import { decimals, fullInstant, instant, short } from '../../words.ts';
import './why.css';

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
        sentence="From any prediction, version, run or alert back to the bytes of its data and the commit of its code, and on from any bytes to what came of them."
      />
      <Grid>
        <div className="col find-col">
          <Panel title="Where did this come from?">
            <Find />
          </Panel>
          <Newest />
        </div>
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
      <span className="row">
        <input className="input mono grow" id="why-id" name="id" data-filter required />
        <button type="submit" className="btn pri">
          Show the chain
        </button>
      </span>
    </form>
  );
}

/** The newest thing of each stage: where people begin who have no id at hand. */
function Newest(): ReactElement | null {
  const loop = useAsk('loop.get', {}, { keep: true });
  if (loop.data === undefined) return null;
  const { data, train, register, rollout, serve } = loop.data;
  const latest = data?.latest;
  const rows: readonly (readonly [word: string, name: string, kind: string, id: string] | undefined)[] = [
    data && latest && ['Data', `${data.name}@${latest.number}`, 'dataset-version', `${data.name}@${latest.number}`],
    train && ['Training', `${train.pipeline} ${short(train.id)}`, 'pipeline-run', train.id],
    register && ['Model', `${register.model} v${register.number}`, 'version', `${register.model}/${register.number}`],
    rollout && ['Rollout', `v${rollout.incumbent} to v${rollout.candidate}`, 'rollout', rollout.id],
    serve?.deployment && [
      'Deployment',
      `${serve.name}, deployment ${serve.deployment.number}`,
      'deployment',
      serve.deployment.id,
    ],
  ];
  const known = rows.filter((row) => row !== undefined);
  if (known.length === 0) return null;
  return (
    <Panel title="Newest of each stage" caption="back to its bytes, or on to what came of it">
      <Pairs
        pairs={known.map(([word, name, kind, id]) => ({
          name: word,
          value: (
            <span className="row">
              <Link to={to.why(kind, id)} className="el">
                {name}
              </Link>
              {kind !== 'rollout' && (
                <Link className="t3 xs nw" to={`${to.why(kind, id)}?direction=onward`}>
                  led to
                </Link>
              )}
            </span>
          ),
        }))}
      />
    </Panel>
  );
}
