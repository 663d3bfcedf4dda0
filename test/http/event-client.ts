import { onTestFinished } from 'vitest';
import { fieldsOf, readBlocks } from '../../src/client/event-frames.js';

/** Longer than any test. */
const SILENCE_MS = 600_000;

/** An event of the stream: the fields between two blank lines. */
export interface Frame {
  readonly id?: string;
  readonly event?: string;
  // biome-ignore lint/suspicious/noExplicitAny: what an event holds is what the test asserts
  readonly data?: any;
  readonly retry?: string;
  readonly comment?: string;
}

/** Reads Server-Sent Events until the test ends. */
export class EventClient {
  readonly frames: Frame[] = [];
  readonly response: Response;
  /** Resolves when the stream has ended, on either side. */
  readonly ended: Promise<void>;
  readonly #connection: AbortController;

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
    const connection = new AbortController();
    onTestFinished(() => connection.abort());
    const response = await fetch(url, { headers, signal: connection.signal });
    return new EventClient(response, connection);
  }

  private constructor(response: Response, connection: AbortController) {
    this.response = response;
    this.#connection = connection;
    this.ended = this.#read().catch(() => undefined);
  }

  /** The events that have data. */
  get events() {
    return this.frames.filter(({ data }) => data !== undefined);
  }

  /** The place at which a client resumes. Like EventSource, it is the last id that came. */
  get lastEventId(): string {
    return this.frames.findLast(({ id }) => id !== undefined)?.id ?? '';
  }

  close(): void {
    this.#connection.abort();
  }

  async #read(): Promise<void> {
    if (this.response.body === null) return;
    for await (const block of readBlocks(this.response.body, SILENCE_MS)) {
      this.frames.push(toFrame(block));
    }
  }
}

function toFrame(block: string): Frame {
  const fields = fieldsOf(block).map(([name, value]) => {
    return [name || 'comment', name === 'data' ? JSON.parse(value) : value];
  });
  return Object.fromEntries(fields);
}
