/**
 * One program in a process group of its own.
 *
 * The child is started behind a gate: it waits for one line on its standard input, and gets it only after its pid is stored.
 * If the server dies before that, the gate's end of file makes the child leave, so no process runs that nobody knows of.
 * Output goes straight into a file and survives the server. Stopping means SIGTERM to the group, a grace, then SIGKILL.
 */
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Clock } from '../../platform/clock.ts';

export interface ChildRequest {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly signal: AbortSignal;
  /** Process groups that are alive, for the server's own end. */
  readonly live: Set<number>;
  /** Resolves to whether the child may go on; called once with the process that waits at its gate. */
  readonly admit: (child: ProcessIdentity) => Promise<boolean>;
}

export interface ProcessIdentity {
  readonly pid: number;
  /** Tells the process from a later one with the same number: boot id and start time in clock ticks. */
  readonly started: string;
}

export type ChildEnd =
  | { readonly end: 'exit'; readonly code: number }
  | { readonly end: 'signal'; readonly signal: string }
  | { readonly end: 'timeout' }
  | { readonly end: 'aborted' }
  | { readonly end: 'refused' }
  | { readonly end: 'not-started'; readonly problem: string };

/** The processes of this machine. A port, because the simulator has its own machines. */
export interface Processes {
  run(request: ChildRequest): Promise<ChildEnd>;
  /** Kills the group of a process that an earlier server started, if it is still that process. */
  killStranger(identity: ProcessIdentity): boolean;
  /** Ends a group that this server started; nothing happens when it is gone. */
  killGroup(pid: number): void;
}

export function createProcesses(clock: Clock): Processes {
  return {
    run: (request) => runChild(clock, request),
    killStranger,
    killGroup: (pid) => killGroup(pid, 'SIGKILL'),
  };
}

// `read` waits at the gate; `exec` keeps the pid and the process group.
const gate = ['/bin/sh', '-c', 'read -r go || exit 125; exec "$@" < /dev/null', 'slipway-step'] as const;

async function runChild(clock: Clock, request: ChildRequest): Promise<ChildEnd> {
  if (request.signal.aborted) return { end: 'aborted' };
  const log = openSync(request.logFile, 'a', 0o600);
  const [program, ...rest] = gate;
  const child = spawn(program, [...rest, ...request.argv], {
    cwd: request.cwd,
    env: request.env,
    stdio: ['pipe', log, log],
    detached: true,
  });
  closeSync(log);
  const exited = new Promise<ChildEnd>((resolve) => {
    child.on('error', (error) => resolve({ end: 'not-started', problem: error.message }));
    child.on('exit', (code, signal) =>
      resolve(signal === null ? { end: 'exit', code: code ?? 1 } : { end: 'signal', signal }),
    );
  });
  // The first of the three is a pipe.
  const opener = child.stdin as Writable;
  // A child that is gone before its gate opens is reported by `exited`.
  opener.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) return exited;

  request.live.add(pid);
  void exited.then(() => request.live.delete(pid));
  const isAdmitted = await request.admit({ pid, started: startedOf(pid) ?? '' }).catch((error: unknown) => {
    killGroup(pid, 'SIGKILL');
    throw error;
  });
  if (!isAdmitted) {
    killGroup(pid, 'SIGKILL');
    await exited;
    return { end: 'refused' };
  }
  opener.end('go\n');
  return superviseChild(clock, { pid, exited, request });
}

async function superviseChild(
  clock: Clock,
  running: { readonly pid: number; readonly exited: Promise<ChildEnd>; readonly request: ChildRequest },
): Promise<ChildEnd> {
  const { pid, exited, request } = running;
  let why: 'timeout' | 'aborted' | undefined;
  let cancelKill: (() => void) | undefined;
  const stop = (reason: 'timeout' | 'aborted'): void => {
    if (why !== undefined) return;
    why = reason;
    killGroup(pid, 'SIGTERM');
    cancelKill = clock.after(request.graceMs, () => killGroup(pid, 'SIGKILL'));
  };
  const onAbort = (): void => stop('aborted');
  const cancelTimeout = clock.after(request.timeoutMs, () => stop('timeout'));
  request.signal.addEventListener('abort', onAbort, { once: true });
  if (request.signal.aborted) onAbort();
  const end = await exited;
  cancelTimeout();
  cancelKill?.();
  request.signal.removeEventListener('abort', onAbort);
  // What the program left running in its group goes with it.
  killGroup(pid, 'SIGKILL');
  return why === undefined ? end : { end: why };
}

function killGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function killStranger(identity: ProcessIdentity): boolean {
  if (identity.started === '' || startedOf(identity.pid) !== identity.started) return false;
  killGroup(identity.pid, 'SIGKILL');
  return true;
}

/** Boot id and start time of a live process; undefined where there is none or the system does not say. */
export function startedOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; field 22 is the 20th after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19] ?? ''}`;
  } catch {
    return undefined;
  }
}
