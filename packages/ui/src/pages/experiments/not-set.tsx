/** What a run lacks: quieter than any value, and said in words to who does not see it. */
import type { ReactElement } from 'react';

export const NotSet = (): ReactElement => (
  <span className="t3" title="not set">
    <span aria-hidden="true">–</span>
    <span className="sr">not set</span>
  </span>
);
