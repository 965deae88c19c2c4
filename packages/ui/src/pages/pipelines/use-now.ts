/** The clock of a page that shows something still going on. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Operation } from '../../api/client.ts';

const tickMs = 1000;

/**
 * Now, each second, while `isLive`. The ledger says when a step has ended but not when it starts or how far it is, so the
 * answers of `operation` are asked for again with each tick.
 */
export function useNow(isLive: boolean, operation: Operation): number {
  const client = useQueryClient();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isLive) return undefined;
    const timer = setInterval(() => {
      setNow(Date.now());
      void client.invalidateQueries({ queryKey: [operation] });
    }, tickMs);
    return () => clearInterval(timer);
  }, [isLive, operation, client]);
  return now;
}
