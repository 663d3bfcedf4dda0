/** One Server-Sent Event; `data` is '' if there is none. */
export interface Frame {
  /** Where to resume after; undefined if the server did not say. */
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** Far longer than any event. */
const MOST_CHARACTERS = 1_000_000;

/** Reads frames as they come: see {@link readBlocks}. */
export async function* readFrames(
  stream: ReadableStream<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<Frame, void, undefined> {
  for await (const block of readBlocks(stream, silenceMs)) yield toFrame(block);
}

/**
 * Reads the text between blank lines, until the stream ends. Rejects if it is cut off, or if nothing,
 * not even a heartbeat, comes for so long.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* readBlocks(
  stream: ReadableStream<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<string, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), silenceMs);
      if (done) return;
      text += decoder.decode(value, { stream: true });
      // A carriage return at the end may be half of a line's end.
      const end = text.endsWith('\r') ? text.length - 1 : text.length;
      const blocks = text.slice(0, end).replaceAll(/\r\n?/g, '\n').split('\n\n');
      text = (blocks.pop() ?? '') + text.slice(end);
      if (text.length > MOST_CHARACTERS) throw new Error('an event without an end');
      yield* blocks;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function toFrame(block: string): Frame {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const [name, value] of fieldsOf(block)) {
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return { id, event, data: data.join('\n') };
}

/** The fields of a block in their order; the name of a comment is empty. */
export function fieldsOf(block: string): (readonly [name: string, value: string])[] {
  return block.split('\n').map((line) => {
    const at = line.indexOf(':');
    if (at < 0) return [line, ''];
    return [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
  });
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
