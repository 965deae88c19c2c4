/** Whether the parts that are machine code work on this machine: the analytics engine and the model runtime. */
import { tmpdir } from 'node:os';
import { createAnalytics } from '../platform/analytics/analytics.ts';

export interface NativePart {
  readonly name: string;
  /** Undefined when it does not work. */
  readonly version: string | undefined;
  readonly problem?: string;
}

export async function checkNativeParts(): Promise<NativePart[]> {
  return Promise.all([probe('DuckDB', duckdbVersion), probe('ONNX Runtime', onnxRuntimeVersion)]);
}

async function probe(name: string, version: () => Promise<string>): Promise<NativePart> {
  try {
    return { name, version: await version() };
  } catch (error) {
    return { name, version: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

async function duckdbVersion(): Promise<string> {
  await using analytics = createAnalytics({ memoryLimit: '100MB', threads: 1, tempFolder: tmpdir() });
  const [row] = await analytics.rows<{ readonly version: string }>('select version() as version');
  return row?.version ?? 'unknown';
}

async function onnxRuntimeVersion(): Promise<string> {
  const { env } = await import('onnxruntime-node');
  return env.versions.node ?? env.versions.common;
}
