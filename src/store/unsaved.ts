import { slotOf, type Wheel } from '../calls/wheel.ts';

/** The ids of calls whose changes Redis has yet to learn of, by their slots. */
export class Unsaved {
  readonly #wheel: Wheel;
  readonly #bySlot = new Map<number, Set<string>>();

  constructor(wheel: Wheel) {
    this.#wheel = wheel;
  }

  get slots(): readonly number[] {
    return [...this.#bySlot.keys()];
  }

  has(id: string): boolean {
    if (this.#bySlot.size === 0) return false;
    return this.#bySlot.get(slotOf(id, this.#wheel))?.has(id) ?? false;
  }

  add(id: string): void {
    const slot = slotOf(id, this.#wheel);
    const ids = this.#bySlot.get(slot);
    if (ids) ids.add(id);
    else this.#bySlot.set(slot, new Set([id]));
  }

  delete(id: string): void {
    const slot = slotOf(id, this.#wheel);
    const ids = this.#bySlot.get(slot);
    ids?.delete(id);
    if (ids?.size === 0) this.#bySlot.delete(slot);
  }
}
