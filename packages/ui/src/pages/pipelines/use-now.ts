/** The clock of a page that shows something still going on. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

const tickMs = 1000;
/** A step's own progress is no event: it is asked for at this pace, and only while a step runs. */
const progressEveryMs = 5000;

/** Now, each second, while `isLive`. What changes comes with the events of the ledger. */
export function useNow(isLive: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isLive) return undefined;
    const timer = setInterval(() => setNow(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, [isLive]);
  return now;
}

/** Keeps the progress of a running step fresh: beginnings, retries and ends come with the events. */
export function useProgress(run: string, isRunning: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => {
      void client.invalidateQueries({ queryKey: ['pipelineRuns.get', { params: { run } }] });
    }, progressEveryMs);
    return () => clearInterval(timer);
  }, [client, run, isRunning]);
}
