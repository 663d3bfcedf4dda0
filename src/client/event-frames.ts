/** One of Server-Sent Events; `data` is '' where there is none. */
export interface Frame {
  /** Where to resume after; undefined where it was not said. */
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** Longer than a heartbeat; a line without an end is no event. */
const MOST_CHARACTERS = 1_000_000;

/**
 * Reads frames as they come, until the stream ends; rejects where it is cut off,
 * or nothing at all, not even a heartbeat, comes for so long.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* readFrames(
  stream: ReadableStream<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<Frame, void, undefined> {
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
      for (const block of blocks) yield toFrame(block);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function toFrame(block: string): Frame {
  let id: string | undefined;
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const at = line.indexOf(':');
    const name = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '');
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return { id, event, data: data.join('\n') };
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
