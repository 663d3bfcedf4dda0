import { readFileSync } from 'node:fs';

/** Of a process, as proc(5)'s `stat` has it. */
export interface ProcStat {
  /** `R` running, `S` asleep, `T` stopped, `Z` dead and not waited for, and others. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** Of CPU, user's and system's; 100 a second. */
  readonly ticks: number;
  /** Of those of its children that have ended and been waited for. */
  readonly endedChildrenTicks: number;
}

/** Null where there is none any more. */
export function procStat(pid: number | string): ProcStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // After the name, which may hold anything: state, parent, group, …, utime 12th, stime, cutime, cstime.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = (from: number) => Number(fields[from]) + Number(fields[from + 1]);
  return {
    state: fields[0] as string,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    ticks: ticks(11),
    endedChildrenTicks: ticks(13),
  };
}
