/** What one line of a replica's log says, if it is of interest in the demo. */
export type Told =
  | { readonly kind: EventKind; readonly callId: string; readonly detail: string | null }
  | ToldOfOwner
  | { readonly kind: 'said'; readonly text: string };

export interface ToldOfOwner {
  readonly kind: 'owner-lapsed' | 'owner-renewed' | 'owner-lost';
  readonly owner: string;
  readonly calls: number;
  /** When its calls will be stopped, epoch ms; null if they will not be, or were already. */
  readonly stopsAt: number | null;
}

const EVENTS = ['tracked', 'renewed', 'failed', 'ended', 'untracked', 'expired'] as const;
export type EventKind = (typeof EVENTS)[number];

const OWNER_EVENTS = ['owner-lapsed', 'owner-renewed', 'owner-lost'] as const;

/** The demo ignores lines of these levels that are no events. */
const QUIET: ReadonlySet<string> = new Set(['trace', 'debug', 'info']);

/** Summaries of events that the demo has shown one by one. */
const SUMMARIES = /^(failing|at-risk)/;

interface Line {
  level?: string;
  msg?: string;
  event?: string;
  call?: string;
  isNew?: boolean;
  reason?: string | null;
  error?: { status?: number | null; code?: string | null; message?: string } | null;
  owner?: string;
  calls?: number;
  stopsAt?: string | null;
  err?: { message?: string };
}

/**
 * Reads a line of pino; null if it is of no interest. Text that is not JSON is passed on unchanged.
 */
export function readLogLine(text: string): Told | null {
  let line: Line;
  try {
    line = JSON.parse(text) as Line;
  } catch {
    return { kind: 'said', text };
  }
  const kind = EVENTS.find((event) => event === line.event);
  if (kind && line.call) return { kind, callId: line.call, detail: detailOf(kind, line) };
  const ofOwner = OWNER_EVENTS.find((event) => event === line.event);
  if (ofOwner && line.owner) {
    const { owner, calls = 0, stopsAt = null } = line;
    const at = stopsAt === null ? null : Date.parse(stopsAt);
    return { kind: ofOwner, owner, calls, stopsAt: at };
  }
  if (QUIET.has(line.level ?? '') || SUMMARIES.test(line.event ?? '')) return null;
  const cause = line.err?.message;
  const isNews = cause !== undefined && cause !== line.msg;
  return { kind: 'said', text: `${line.msg ?? text}${isNews ? `: ${cause}` : ''}` };
}

function detailOf(kind: EventKind, { error, isNew, reason }: Line): string | null {
  if (kind === 'tracked') return isNew === false ? 'again' : null;
  if (kind === 'untracked') return reason ?? null;
  if (kind !== 'failed' || !error) return null;
  return [error.status, error.code, error.message].filter((part) => part != null).join(' ');
}
