/** Page head, panels, stats and pairs: the anatomy that every page shares. */
import type { ReactElement, ReactNode } from 'react';
import { useEffect } from 'react';

interface PageHeadProps {
  /** Noun and name; also the window's title. */
  readonly title: string;
  /** States and aliases beside the name. */
  readonly badges?: ReactNode;
  /** One sentence of verdict. */
  readonly sentence?: ReactNode;
  /** At most one primary action. */
  readonly actions?: ReactNode;
}

export function PageHead({ title, badges, sentence, actions }: PageHeadProps): ReactElement {
  useEffect(() => {
    document.title = `${title} - Slipway`;
  }, [title]);
  return (
    <div className="hd">
      <div className="grow">
        <div className="row wrap">
          <h1 className="el">{title}</h1>
          {badges}
        </div>
        {sentence !== undefined && <p className="sub">{sentence}</p>}
      </div>
      {actions !== undefined && <div className="acts">{actions}</div>}
    </div>
  );
}

interface PanelProps {
  readonly title: ReactNode;
  /** What is measured and over what. */
  readonly caption?: ReactNode;
  readonly actions?: ReactNode;
  /** Columns of twelve; all of them unless said. */
  readonly span?: number;
  /** Body without padding, for tables and lists. */
  readonly flush?: boolean;
  readonly children: ReactNode;
}

export function Panel({ title, caption, actions, span = 12, flush = false, children }: PanelProps): ReactElement {
  return (
    <section className="panel" style={{ gridColumn: `span ${span}` }}>
      <header className={flush ? 'rule' : ''}>
        <h2>{title}</h2>
        {caption !== undefined && <span className="cap el">{caption}</span>}
        {actions !== undefined && <span className="acts">{actions}</span>}
      </header>
      <div className={flush ? 'bd flush' : 'bd'}>{children}</div>
    </section>
  );
}

export const Grid = ({ children }: { children: ReactNode }): ReactElement => <div className="grid">{children}</div>;

export interface Pair {
  readonly name: string;
  readonly value: ReactNode;
}

export function Pairs({ pairs }: { pairs: readonly Pair[] }): ReactElement {
  return (
    <dl className="kv">
      {pairs.map(({ name, value }) => (
        <PairRow key={name} name={name} value={value} />
      ))}
    </dl>
  );
}

function PairRow({ name, value }: Pair): ReactElement {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

export function Stats({ stats }: { stats: readonly (Pair & { readonly unit?: string })[] }): ReactElement {
  return (
    <div className="stats">
      {stats.map(({ name, value, unit }) => (
        <dl className="stat" key={name}>
          <dt>{name}</dt>
          <dd>
            {value} {unit !== undefined && <small>{unit}</small>}
          </dd>
        </dl>
      ))}
    </div>
  );
}
