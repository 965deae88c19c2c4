/** CPU and memory of a process with all its descendants, from /proc. Linux only. */
import { readdir, readFile } from 'node:fs/promises';

/** Kernel ticks of /proc, per second: fixed at 100 for user space. */
const ticksPerS = 100;

interface ProcessStat {
  readonly parent: number;
  /** Own time and that of children which have ended. */
  readonly cpuS: number;
}

async function statOf(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name in parentheses may hold spaces: fields are counted after it, from the state as field 3.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [, parent = 0] = fields;
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + (fields[index] ?? 0), 0);
  return { parent, cpuS: ticks / ticksPerS };
}

/** The process and its living descendants. */
export async function treeOf(root: number): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  const stats = await Promise.all(pids.map(statOf));
  const children = Map.groupBy(
    pids.filter((_, i) => stats[i] !== undefined),
    (pid) => stats[pids.indexOf(pid)]?.parent ?? 0,
  );
  const walk = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(walk)];
  return walk(root);
}

export async function treeCpuS(root: number): Promise<number> {
  const stats = await Promise.all((await treeOf(root)).map(statOf));
  return stats.reduce((sum, stat) => sum + (stat?.cpuS ?? 0), 0);
}

/** Resident memory of the tree, MB; pages that processes share count once per process. */
export async function treeRssMb(root: number): Promise<number> {
  const sizes = await Promise.all(
    (await treeOf(root)).map(async (pid) => {
      const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
    }),
  );
  return sizes.reduce((a, b) => a + b, 0);
}
