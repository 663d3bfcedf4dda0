import type { Call, EventItem } from '../../client/index.ts';
import { type Column, callLine, headingOf } from '../call-lines.ts';
import { cut, paint } from '../printable.ts';
import { eventLine, standingLine } from './lines.ts';
import { Shortlist } from './shortlist.ts';
import type { Standing } from './standing.ts';
import type { View } from './view.ts';

/** What is on the screen; the lines are safe for a terminal. */
export interface Picture {
  readonly standings: readonly string[];
  readonly nearest: readonly Call[];
  readonly failing: readonly Call[];
  /** The latest last. */
  readonly events: readonly string[];
}

/** https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: its own page, no cursor, no wrapping. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_PAGE = '\x1b[J';

/** All of them are tracked; what matters most stands where a narrow terminal shows it. */
const COLUMNS: Column[] = ['id', 'deadline', 'failed', 'renewed', 'app', 'more'];

/** Deadlines come nearer on it. */
const DRAW_MS = 1_000;
/** Of calls of each kind, and of events: more than there are rows. */
const MOST_KEPT = 200;

/** A page of the terminal, drawn again and again; the terminal is left as it was found. */
export class Page implements View {
  readonly calls;
  readonly #shortlist = new Shortlist(MOST_KEPT);
  readonly #out: NodeJS.WriteStream;
  readonly #timer: NodeJS.Timeout;
  readonly #draw = () => this.#drawNow();
  readonly #leave = () => void this.#out.write(LEAVE);
  readonly #suspend = () => {
    this.#isAway = true;
    this.#leave();
    process.kill(process.pid, 'SIGSTOP');
  };
  readonly #resume = () => {
    this.#isAway = false;
    this.#out.write(ENTER);
    this.#drawNow();
  };
  /** The terminal is the shell's: what is due to be drawn may come before the word to go on. */
  #isAway = false;
  #standings: readonly string[] = [];
  #events: string[] = [];

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.calls = this.#shortlist;
    process.once('exit', this.#leave); // whatever ends it
    // Ctrl-Z, and on again.
    process.on('SIGTSTP', this.#suspend);
    process.on('SIGCONT', this.#resume);
    out.write(ENTER);
    out.on('resize', this.#draw);
    this.#timer = setInterval(this.#draw, DRAW_MS);
  }

  standings(standings: readonly Standing[]): void {
    this.#standings = standings.map(standingLine);
    this.#drawNow();
  }

  event(item: EventItem): void {
    if (item.kind === 'event') this.#shortlist.note(item.event);
    this.#events = [...this.#events, eventLine(item)].slice(-MOST_KEPT);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#out.off('resize', this.#draw);
    process.off('exit', this.#leave);
    process.off('SIGTSTP', this.#suspend);
    process.off('SIGCONT', this.#resume);
    this.#leave();
  }

  #drawNow(): void {
    if (this.#isAway) return;
    const { nearest, failing } = this.#shortlist;
    const [standings, events] = [this.#standings, this.#events];
    const { rows, columns } = this.#out;
    const lines = layOut({ standings, nearest, failing, events }, { rows, columns }, Date.now());
    const text = lines.map((line) => `${line}${REST_OF_LINE}`).join('\n');
    this.#out.write(`${HOME}${text}${REST_OF_PAGE}`);
  }
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** As many lines as there are rows, at the most, and no longer than there are columns. */
export function layOut(picture: Picture, { rows, columns }: Size, now: number): string[] {
  const { standings, nearest, failing, events } = picture;
  const head = [...standings, `Ctrl-C ends; ${new Date(now).toISOString()}`];
  // Three parts with a title each, and an empty line before it; two with a heading.
  const room = Math.max(0, rows - head.length - 8);
  const third = Math.floor(room / 3);
  const calls = (all: readonly Call[]) =>
    all.length === 0
      ? []
      : [headingOf(COLUMNS), ...all.slice(0, third).map((call) => callLine(call, now, COLUMNS))];
  const lines = [
    ...head,
    ...part('Nearest to their deadlines', calls(nearest)),
    ...part('Failing', calls(failing)),
    ...part('Latest events', third === 0 ? [] : events.slice(-third)),
  ];
  return lines.slice(0, rows).map((line) => cut(line, columns));
}

function part(title: string, lines: readonly string[]): string[] {
  return ['', paint('bold', title), ...(lines.length === 0 ? ['none'] : lines)];
}
