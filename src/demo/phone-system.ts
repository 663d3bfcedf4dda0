import type { Simulator } from '../simulator/simulator.ts';

/** The calls of the simulated Graph, for the bots and for the narrator. */
export class PhoneSystem {
  readonly #simulator: Pick<Simulator, 'createCall' | 'endCall' | 'summary' | 'ledger'>;

  constructor(simulator: Pick<Simulator, 'createCall' | 'endCall' | 'summary' | 'ledger'>) {
    this.#simulator = simulator;
  }

  createCall(options: { readonly endsAfterMs?: number }): string {
    return this.#simulator.createCall(options);
  }

  endCall(id: string): void {
    this.#simulator.endCall(id);
  }

  isAlive(id: string): boolean {
    return this.#find(id)?.state === 'established';
  }

  worstGapMs(id: string): number {
    return this.#find(id)?.worstGapMs ?? 0;
  }

  /** From the last success but one, or the call's start, to the last success; null if there is none. */
  lastGapMs(id: string): number | null {
    const successes = this.#simulator.ledger.of(id).filter(({ answer }) => answer === 200);
    const last = successes.at(-1)?.at;
    const before = successes.at(-2)?.at ?? this.#find(id)?.createdAt;
    return last === undefined || before === undefined ? null : last - before;
  }

  #find(id: string) {
    return this.#simulator.summary().find((call) => call.id === id);
  }
}
