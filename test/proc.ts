import { readFileSync } from 'node:fs';

/** The `stat` of a process, as in proc(5). */
export interface ProcStat {
  /** `R` running, `S` asleep, `T` stopped, `Z` dead and not waited for, and others. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  /** User and system time; 100 ticks are a second. */
  readonly ticks: number;
  /** Of its children that have ended and been waited for. */
  readonly endedChildrenTicks: number;
}

/** null if the process is gone. */
export function procStat(pid: number | string): ProcStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // After the name, which may contain anything: state, parent, group, …; 12th utime, then stime,
  // cutime, cstime.
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
