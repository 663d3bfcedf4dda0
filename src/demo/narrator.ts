import type { Style } from '../cli/printable.ts';
import { printableLines } from '../log/printable.ts';
import { type Line, Repeats } from './repeats.ts';
import type { EventKind, Told, ToldOfOwner } from './replica-log.ts';
import { seconds, type Truth } from './verdict.ts';

const WORDS: Record<EventKind, string> = {
  tracked: 'tracked',
  renewed: 'renewed',
  failed: 'failed',
  ended: 'ended',
  untracked: 'stopped',
  expired: 'EXPIRED',
};

const STYLES: Readonly<Record<string, Style>> = {
  tracked: 'cyan',
  renewed: 'green',
  failed: 'yellow',
  EXPIRED: 'red',
  lapsed: 'yellow',
  lost: 'red',
};

const REASONS: Partial<Record<EventKind, string>> = {
  ended: 'Graph says that the call is over',
  expired: 'its deadline passed with no success',
};

const STOPS: Readonly<Record<string, string>> = {
  request: 'the bot said so',
  'owner-lost': 'its bot did not renew its lease',
};

export interface NarratorOptions {
  readonly write: (text: string) => void;
  readonly paint: (style: Style, text: string) => string;
  readonly deadlineMs: number;
  /** From the last success but one, or the call's start, to the last success; by Graph's ledger. */
  readonly lastGapMs: (callId: string) => number | null;
}

/**
 * Writes a line for everything that happens, and counts it. What replicas say again and again, as in
 * an outage, is summarised with the totals.
 */
export class Narrator {
  readonly #options: NarratorOptions;
  readonly #repeats = new Repeats((line) => this.#line(line));
  /** Event, then replica: how many. */
  readonly #counts = new Map<EventKind, Map<string, number>>();

  constructor(options: NarratorOptions) {
    this.#options = options;
  }

  replica(name: string, told: Told): void {
    const who = `replica ${name}`;
    if (told.kind === 'said') {
      this.#repeats.add({ what: '', callId: '', who, why: told.text });
      return;
    }
    if ('owner' in told) {
      this.#owner(who, told);
      return;
    }
    const { kind, callId, detail } = told;
    this.#count(kind, name);
    const line = { what: WORDS[kind], callId, who, why: this.#why(kind, callId, detail) };
    if (kind === 'failed') this.#repeats.add(line);
    else this.#line(line);
  }

  #count(kind: EventKind, name: string): void {
    const byReplica = this.#counts.get(kind) ?? new Map<string, number>();
    byReplica.set(name, (byReplica.get(name) ?? 0) + 1);
    this.#counts.set(kind, byReplica);
  }

  bot(name: string, callId: string, isTold: boolean): void {
    const why = isTold ? 'tells Callkeeper' : 'tells Graph only';
    this.#line({ what: 'hangs up', callId, who: name, why });
  }

  /** Writes what happened to something other than a call. */
  news(who: string, text: string): void {
    this.#line({ what: '', callId: '', who, why: text }, 'bold');
  }

  totals(truth: Truth): void {
    const { deadlineMs } = this.#options;
    const { smallestMarginMs: margin } = truth;
    const parts = [
      `${truth.alive} calls alive`,
      `${truth.renewals} keepAlives (${this.#share('renewed')})`,
      `${this.#total('ended')} ended`,
      `${this.#total('untracked')} stopped`,
      `${this.#total('expired')} expired`,
      `smallest margin ${margin === null ? '-' : seconds(margin)} of ${seconds(deadlineMs)}`,
    ];
    this.#repeats.summarise();
    this.#write('dim', `${clock()}  ---- ${parts.join(' · ')}`);
  }

  #owner(who: string, { kind, owner, calls, stopsAt }: ToldOfOwner): void {
    const when = stopsAt === null ? '' : ` at ${clock(stopsAt)}`;
    const [what, why] = {
      'owner-lapsed': [
        'lapsed',
        `its lease ran out: its ${calls} calls are stopped${when} unless it renews the lease`,
      ],
      'owner-renewed': ['renewed', `its lease runs again: its ${calls} calls go on`],
      'owner-lost': ['lost', `it did not renew its lease: its ${calls} calls were stopped`],
    }[kind] as [string, string];
    this.#line({ what, callId: owner, who, why });
  }

  #why(kind: EventKind, callId: string, detail: string | null): string {
    if (kind === 'renewed') return this.#gap(callId);
    if (kind === 'untracked') return STOPS[detail ?? ''] ?? detail ?? '';
    return detail ?? REASONS[kind] ?? '';
  }

  #gap(callId: string): string {
    const gapMs = this.#options.lastGapMs(callId);
    if (gapMs === null) return '';
    return `after ${seconds(gapMs)}: ${seconds(this.#options.deadlineMs - gapMs)} to spare`;
  }

  #total(kind: EventKind): number {
    return [...(this.#counts.get(kind)?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  }

  #share(kind: EventKind): string {
    const counts = [...(this.#counts.get(kind) ?? [])].sort(([a], [b]) => a.localeCompare(b));
    return counts.map(([name, count]) => `${name} ${count}`).join(', ') || 'none yet';
  }

  #line({ what, callId, who, why }: Line, style = STYLES[what]): void {
    const columns = [clock(), what.padEnd(9), callId.slice(0, 8).padEnd(8), who.padEnd(9), why];
    this.#write(style, columns.join('  ').trimEnd());
  }

  #write(style: Style | undefined, line: string): void {
    const { write, paint } = this.#options;
    const text = printableLines(line);
    write(`${style === undefined ? text : paint(style, text)}\n`);
  }
}

/** Time of day, to the second, where the reader is. */
function clock(at = Date.now()): string {
  return new Date(at).toTimeString().slice(0, 8);
}
