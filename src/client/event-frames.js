// Plain JavaScript: the board's page loads this file as it stands.

/**
 * One Server-Sent Event; `data` is '' if there is none.
 *
 * @typedef {object} Frame
 * @property {string | undefined} id where to resume after; undefined if the server did not say
 * @property {string} event
 * @property {string} data
 */

/** Far longer than any event. */
const MOST_CHARACTERS = 1_000_000;

/**
 * Reads frames as they come: see {@link readBlocks}.
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @param {number} silenceMs
 * @returns {AsyncGenerator<Frame, void, undefined>}
 */
export async function* readFrames(stream, silenceMs) {
  for await (const block of readBlocks(stream, silenceMs)) yield toFrame(block);
}

/**
 * Reads the text between blank lines, until the stream ends. Rejects if the stream is cut off, or
 * if nothing comes for `silenceMs`, not even a heartbeat. If a block is too long, it yields the
 * beginning of the block and then rejects.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @param {ReadableStream<Uint8Array>} stream
 * @param {number} silenceMs
 * @returns {AsyncGenerator<string, void, undefined>}
 */
export async function* readBlocks(stream, silenceMs) {
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
      yield* blocks;
      if (text.length <= MOST_CHARACTERS) continue;
      // The beginning has the event's place, so the reader can resume after the event.
      yield text;
      throw new Error('the event is too long');
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * @param {string} block
 * @returns {Frame}
 */
function toFrame(block) {
  /** @type {string | undefined} */
  let id;
  let event = 'message';
  const data = [];
  for (const [name, value] of fieldsOf(block)) {
    if (name === 'id') id = value;
    else if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
  }
  return { id, event, data: data.join('\n') };
}

/**
 * The fields of a block in their order; the name of a comment is empty.
 *
 * @param {string} block
 * @returns {(readonly [name: string, value: string])[]}
 */
export function fieldsOf(block) {
  return block.split('\n').map((line) => {
    const at = line.indexOf(':');
    if (at < 0) return [line, ''];
    return [line.slice(0, at), line.slice(at + 1).replace(/^ /, '')];
  });
}

/**
 * The JSON of a frame; undefined if there is none, or if it is not valid.
 *
 * @param {Frame} frame
 * @returns {unknown}
 */
export function readData({ data }) {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @returns {Promise<T>}
 */
async function within(promise, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const silence = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
