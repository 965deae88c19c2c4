/**
 * The processes of the machine on which all servers of a run live. They go on when the server that started them dies, and
 * know nothing of it; they read their task and leave their result in files, as real ones do. What a process does is drawn
 * from its run, step and attempt.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildEnd, ChildRequest, Processes } from '../../packages/server/src/modules/pipelines/child-process.ts';
import {
  artifactsFolder,
  resultFile,
  StepTask,
  taskFile,
} from '../../packages/server/src/modules/pipelines/step-task.ts';
import type { StepResult } from '../../packages/server/src/modules/pipelines/step-task.ts';
import type { Machine, World } from './world.ts';

export interface OperatingSystem {
  /** The processes as one server starts them. */
  processesFor(machine: Machine): Processes;
  /** Those that work now, as `run/step`. */
  working(): readonly string[];
  /** Steps that worked in two processes at once. */
  readonly overlaps: readonly string[];
  /** Processes that worked to their end, per `run/step`. */
  readonly finished: ReadonlyMap<string, number>;
}

interface Process {
  readonly pid: number;
  readonly folder: string;
  state: 'at the gate' | 'working' | 'gone';
  readonly exited: Promise<ChildEnd>;
  exit(end: ChildEnd): void;
  key: string;
}

export function createOperatingSystem(world: World): OperatingSystem {
  const all = new Map<number, Process>();
  const overlaps: string[] = [];
  const finished = new Map<string, number>();

  const spawn = (folder: string): Process => {
    const end = Promise.withResolvers<ChildEnd>();
    const process: Process = {
      pid: 1000 + all.size,
      folder,
      state: 'at the gate',
      exited: end.promise,
      key: '',
      exit: (how) => {
        process.state = 'gone';
        end.resolve(how);
      },
    };
    all.set(process.pid, process);
    return process;
  };
  const kill = (pid: number): boolean => {
    const process = all.get(pid);
    if (process === undefined || process.state === 'gone') return false;
    process.exit({ end: 'signal', signal: 'SIGKILL' });
    return true;
  };
  const letGo = (process: Process): void => {
    const task = StepTask.parse(JSON.parse(readFileSync(join(process.folder, taskFile), 'utf8')));
    process.key = `${task.run}/${task.step}`;
    for (const other of all.values())
      if (other.state === 'working' && other.key === process.key)
        overlaps.push(`${process.key} attempt ${task.attempt}`);
    process.state = 'working';
    const fate = world.random.fork(`${process.key}/${task.attempt}`);
    const workMs = fate.chance(0.1) ? fate.between(10_000, 50_000) : fate.between(50, 2500);
    world.after(workMs, () => {
      if (process.state !== 'working') return;
      finished.set(process.key, (finished.get(process.key) ?? 0) + 1);
      const roll = fate.next();
      if (roll < 0.06) return process.exit({ end: 'exit', code: 1 });
      leave(process.folder, roll < 0.16 ? failure : success(process.folder, task));
      process.exit({ end: 'exit', code: 0 });
    });
  };

  return {
    overlaps,
    finished,
    working: () => [...all.values()].filter((p) => p.state === 'working').map((p) => p.key),
    processesFor: (machine) => ({
      killStranger: ({ pid }) => kill(pid),
      killGroup: (pid) => void kill(pid),
      run: async (request) => {
        if (request.signal.aborted) return { end: 'aborted' };
        const process = spawn(request.cwd);
        // The gate's other end is the server: with its death the process leaves.
        void machine.died.then(() => {
          if (process.state === 'at the gate') process.exit({ end: 'exit', code: 125 });
        });
        request.live.add(process.pid);
        void process.exited.then(() => request.live.delete(process.pid));
        const isAdmitted = await request
          .admit({ pid: process.pid, started: `boot/${process.pid}` })
          .catch((error: unknown) => {
            kill(process.pid);
            throw error;
          });
        if (!isAdmitted) {
          kill(process.pid);
          return { end: 'refused' };
        }
        if (process.state === 'at the gate') letGo(process);
        const end = await supervise(process, { machine, request, kill });
        await machine.awake();
        return end;
      },
    }),
  };
}

async function supervise(
  process: Process,
  parts: { readonly machine: Machine; readonly request: ChildRequest; readonly kill: (pid: number) => boolean },
): Promise<ChildEnd> {
  const { machine, request, kill } = parts;
  let why: 'timeout' | 'aborted' | undefined;
  const stop = (reason: 'timeout' | 'aborted'): void => {
    why ??= reason;
    // It ignores the polite signal.
    machine.after(request.graceMs, () => kill(process.pid));
  };
  const onAbort = (): void => stop('aborted');
  const cancelTimeout = machine.after(request.timeoutMs, () => stop('timeout'));
  request.signal.addEventListener('abort', onAbort, { once: true });
  if (request.signal.aborted) onAbort();
  const end = await process.exited;
  cancelTimeout();
  request.signal.removeEventListener('abort', onAbort);
  return why === undefined ? end : { end: why };
}

const failure: StepResult = { error: { message: 'the step fails', isRetryable: true } };

/** One artifact per output port; its bytes depend on the step alone, as those of a good step do. */
function success(folder: string, task: StepTask): StepResult {
  const bytes = Buffer.from(`${task.pipeline} ${task.step} ${JSON.stringify(task.inputs['n'] ?? null)}`);
  const hex = createHash('sha256').update(bytes).digest('hex');
  mkdirSync(join(folder, artifactsFolder), { recursive: true });
  writeFileSync(join(folder, artifactsFolder, hex), bytes);
  const artifact = { kind: 'file', name: 'text', digest: `sha256:${hex}`, sizeBytes: bytes.length } as const;
  return { outputs: { text: { artifact } } };
}

function leave(folder: string, result: StepResult): void {
  writeFileSync(join(folder, resultFile), JSON.stringify(result));
}
