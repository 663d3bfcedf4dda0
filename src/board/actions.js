/** @import { Api } from './api.js' */
import { Refused } from './api.js';
import { html, write } from './dom.js';

/** The buttons of a call for a key with the scope `track`: send a keepAlive now, and stop it. */
export class Actions {
  #result = html('span', { role: 'status' });
  #keepAlive = html('button', { type: 'button' }, 'keepAlive now');
  #stop = html('button', { type: 'button' }, 'Stop');
  #onDone;
  element = html(
    'p',
    { class: 'actions', hidden: true },
    this.#keepAlive,
    this.#stop,
    this.#result,
  );

  /**
   * @param {Api} api
   * @param {string} id
   * @param {object} options
   * @param {AbortSignal} options.signal
   * @param {() => Promise<void>} options.onDone reads the call again
   */
  constructor(api, id, { signal, onDone }) {
    this.#onDone = onDone;
    const once = { signal };
    this.#keepAlive.addEventListener(
      'click',
      () => this.#run(() => api.keepAlive(id, signal), 'Graph has renewed the call.'),
      once,
    );
    this.#stop.addEventListener(
      'click',
      () => {
        const sure = confirm(`Stop keeping ${id} alive? Graph ends it when its deadline passes.`);
        if (sure) void this.#run(() => api.untrack(id, signal), 'Stopped.');
      },
      once,
    );
  }

  /** @param {boolean} isTracked */
  show(isTracked) {
    this.element.hidden = !isTracked && this.#result.textContent === '';
    this.#keepAlive.hidden = !isTracked;
    this.#stop.hidden = !isTracked;
  }

  /**
   * @param {() => Promise<unknown>} action
   * @param {string} done
   */
  async #run(action, done) {
    this.#disable(true);
    write(this.#result, 'Asking…');
    try {
      await action();
      write(this.#result, done);
    } catch (error) {
      write(this.#result, error instanceof Refused ? error.message : 'No answer: try again.');
    }
    await this.#onDone();
    this.#disable(false);
  }

  /** @param {boolean} isDisabled */
  #disable(isDisabled) {
    this.#keepAlive.disabled = isDisabled;
    this.#stop.disabled = isDisabled;
  }
}
