/** @import { Overview } from '../client/api.ts' */
import { CallsTable } from './calls-table.js';
import { CausesTable } from './causes-table.js';
import { byId, set, write } from './dom.js';
import { count, timeLeft } from './format.js';
import { Incidents } from './incidents.js';
import { Margins } from './margins.js';
import { Timeline } from './timeline.js';
import { Wheel } from './wheel.js';

/** The page at `#/`: the state of all calls. */
export class OverviewView {
  #now;
  #wheel;
  #margins = new Margins();
  #causes = new CausesTable();
  #timeline = new Timeline();
  #incidents = new Incidents();
  #nearest;
  #failing;
  /** @type {Overview | null} */
  #shown = null;

  /** @param {() => number} now epoch ms, by the clock of the replica */
  constructor(now) {
    this.#now = now;
    this.#wheel = new Wheel(now);
    this.#nearest = new CallsTable(byId('nearest'), now);
    this.#failing = new CallsTable(byId('failing'), now);
    setInterval(() => this.#tick(), 1_000);
  }

  /** @param {Overview} overview */
  show(overview) {
    this.#shown = overview;
    this.#wheel.show(overview);
    this.#margins.show(overview);
    this.#causes.show(overview);
    this.#timeline.show(overview);
    this.#incidents.show(overview);
    write(byId('count-tracked'), count(overview.tracked));
    write(byId('count-failing'), count(overview.failing));
    write(byId('count-risk'), count(overview.atRisk));
    set(byId('count-failing'), { 'data-bad': overview.failing > 0 });
    set(byId('count-risk'), { 'data-bad': overview.atRisk > 0 });
    this.#showCalls(overview);
    this.#tick();
  }

  /** @param {Overview} overview */
  #showCalls({ nearest, nearestFailing, deadlineMs }) {
    byId('nearest-none').hidden = nearest.length > 0;
    byId('nearest-table').hidden = nearest.length === 0;
    this.#nearest.show(nearest, deadlineMs);
    const shown = new Set(nearest.map(({ id }) => id));
    const more = nearestFailing.filter(({ id }) => !shown.has(id));
    byId('failing-more').hidden = more.length === 0;
    this.#failing.show(more, deadlineMs);
  }

  /** Updates what changes with the time. */
  #tick() {
    if (this.#shown === null || byId('overview').hidden) return;
    const { nearest, deadlineMs } = this.#shown;
    const [first] = nearest;
    const left = first ? Date.parse(first.deadlineAt) - this.#now() : null;
    write(byId('count-margin'), left === null ? '–' : timeLeft(left));
    set(byId('count-margin'), { 'data-bad': left !== null && left < deadlineMs / 3 });
    this.#nearest.tick();
    this.#failing.tick();
  }
}
