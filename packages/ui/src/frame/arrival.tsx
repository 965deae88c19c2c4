/**
 * Shows a page when its first answers are here, in one piece: on a quick network nothing jumps. After a while it is shown as
 * far as it is, each part with its own place to wait in.
 */
import type { Query } from '@tanstack/react-query';
import { useQueryClient } from '@tanstack/react-query';
import type { ReactElement, ReactNode } from 'react';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Skeleton } from '../components/states.tsx';

/** Most answers are here within this; a page is not kept back for one that is not. */
const heldMaxMs = 800;
/** An answer may bring a part that asks on: quiet twice in a row, then all of it is here. */
const lookEveryMs = 16;

const isFirst = ({ state, options }: Query): boolean =>
  state.status === 'pending' && (!('enabled' in options) || options.enabled !== false);
const isAsked = (query: Query): boolean => isFirst(query) && query.state.fetchStatus === 'fetching';

interface ArrivalProps {
  /** The address of the page: another one arrives anew. */
  readonly at: string;
  readonly children: ReactNode;
}

export function Arrival({ at, children }: ArrivalProps): ReactElement {
  const client = useQueryClient();
  const box = useRef<HTMLDivElement>(null);
  const [isHere, setHere] = useState(true);
  // Before it is painted: a page that has its answers already is shown at once.
  useLayoutEffect(() => {
    const cache = client.getQueryCache();
    if (cache.findAll({ predicate: isFirst }).length > 0) setHere(false);
  }, [client, at]);
  useEffect(() => {
    if (isHere) return undefined;
    const cache = client.getQueryCache();
    // A part that waits for its answer, or for its code, says so by a skeleton.
    const isWaiting = (): boolean =>
      cache.findAll({ predicate: isAsked }).length > 0 || box.current?.querySelector('.skeleton') !== null;
    let wasQuiet = false;
    const look = setInterval(() => {
      const isQuiet = !isWaiting();
      if (isQuiet && wasQuiet) setHere(true);
      wasQuiet = isQuiet;
    }, lookEveryMs);
    const timer = setTimeout(() => setHere(true), heldMaxMs);
    return () => {
      clearInterval(look);
      clearTimeout(timer);
    };
  }, [client, isHere, at]);
  return (
    <>
      {!isHere && (
        <div className="arriving">
          <Skeleton lines={8} />
        </div>
      )}
      <div className="arrival" ref={box} data-here={isHere}>
        {children}
      </div>
    </>
  );
}
