/** Stands for rows that are not drawn: as high as they are, and nothing to anybody who listens. */
import type { ReactElement } from 'react';

export function SpaceRow({ px, columns }: { px: number; columns: number }): ReactElement | null {
  if (px <= 0) return null;
  return (
    <tr aria-hidden="true" className="space" style={{ height: px }}>
      <td colSpan={columns} />
    </tr>
  );
}
