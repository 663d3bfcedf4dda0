type Listener<Event> = (event: Event) => void | Promise<void>;

/** An emitter whose `emit` waits for all listeners, and rejects with the first failure. */
export class Emitter<Events extends object> {
  readonly #listeners: { [Name in keyof Events]?: Listener<Events[Name]>[] } = {};

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const listeners = this.#listeners[name] ?? [];
    listeners.push(listener);
    this.#listeners[name] = listeners;
    return this;
  }

  protected async emit<Name extends keyof Events>(name: Name, event: Events[Name]): Promise<void> {
    for (const listener of this.#listeners[name] ?? []) await listener(event);
  }
}
