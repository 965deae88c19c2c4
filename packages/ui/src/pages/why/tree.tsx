/** The chain as it branches, every link with its facts: closed and opened like an outline. */
import type { ReactElement } from 'react';
import { Link as RouterLink } from 'react-router';
import { Icon } from '../../components/icon.tsx';
import type { Link } from './chain.ts';
import { factName, kindWord, placeOf } from './chain.ts';
import { linkIcon } from './path.tsx';

export function Tree({ root }: { root: Link }): ReactElement {
  return (
    <ul className="chain">
      <Branch link={root} />
    </ul>
  );
}

function Branch({ link }: { link: Link }): ReactElement {
  const place = placeOf(link);
  const facts = Object.entries(link.facts).filter(([, value]) => value !== null);
  return (
    <li>
      <details open>
        <summary>
          <Icon name={linkIcon(link.kind)} />
          <b>{link.title}</b>
        </summary>
        {place !== undefined && (
          <RouterLink className="open" to={place}>
            Open {kindWord(link.kind)}
          </RouterLink>
        )}
        {facts.length > 0 && (
          <dl className="kv">
            {facts.map(([name, value]) => (
              <Fact key={name} name={factName(name)} value={String(value)} />
            ))}
          </dl>
        )}
        {link.next.length > 0 && (
          <ul>
            {link.next.map((one, i) => (
              <Branch key={`${one.kind} ${one.id} ${i}`} link={one} />
            ))}
          </ul>
        )}
      </details>
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string }): ReactElement {
  const isMono = /sha256:|^[0-9a-f]{40}$|^\{|=/.test(value);
  return (
    <>
      <dt>{name}</dt>
      <dd className={isMono ? 'mono' : ''}>{value}</dd>
    </>
  );
}
