import type { EventItem, Trouble } from '../../client/index.ts';
import { layOut } from './layout.ts';
import type { ReplicaStatus } from './replica-status.ts';
import { Shortlist } from './shortlist.ts';
import type { View } from './view.ts';

/**
 * The alternate screen, no cursor, no wrapping:
 * https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
 */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_PAGE = '\x1b[J';

/** How often the page is drawn, so that the time left counts down, in ms. */
const DRAW_MS = 1_000;
/** The most calls and events that are kept: more than there are rows. */
const MOST_KEPT = 200;

/** A page that is drawn again and again. Restores the terminal at the end. */
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
  /** Suspended: the terminal belongs to the shell, so nothing may be drawn. */
  #isAway = false;
  #statuses: readonly ReplicaStatus[] = [];
  #troubles: readonly Trouble[] = [];
  /** When they were read, epoch ms. */
  #troublesAt = 0;
  #events: readonly EventItem[] = [];

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

  statuses(statuses: readonly ReplicaStatus[]): void {
    this.#statuses = statuses;
    this.#drawNow();
  }

  troubles(troubles: readonly Trouble[]): void {
    this.#troubles = troubles;
    this.#troublesAt = Date.now();
  }

  event(item: EventItem): void {
    if (item.kind === 'event') this.#shortlist.note(item.event);
    this.#events = [...this.#events, item].slice(-MOST_KEPT);
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
    const { nearest, causes, total } = this.#shortlist;
    const [statuses, events] = [this.#statuses, this.#events];
    const { rows, columns } = this.#out;
    const troubles = { all: this.#troubles, at: this.#troublesAt };
    const picture = { statuses, troubles, nearest, causes, total, events };
    const lines = layOut(picture, { rows, columns }, Date.now());
    const text = lines.map((line) => `${line}${REST_OF_LINE}`).join('\n');
    this.#out.write(`${HOME}${text}${REST_OF_PAGE}`);
  }
}
