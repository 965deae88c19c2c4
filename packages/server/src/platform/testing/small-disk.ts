import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { skipUnlessCi } from './missing.ts';

/** A folder that is a file system of so many MiB until the test ends. Undefined where mounting is not allowed: the test was skipped. */
export function mountSmallDisk(t: TestContext, sizeMiB: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-small-disk-'));
  let isMounted = false;
  t.after(() => {
    if (isMounted) execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', folder], { stdio: 'ignore' });
    isMounted = true;
    return folder;
  } catch (error) {
    skipUnlessCi(t, 'mounting a small file system is not allowed here', error);
    return undefined;
  }
}
