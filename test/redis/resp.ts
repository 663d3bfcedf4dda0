/** Splits what a client sent into its complete commands, as arrays of strings, and the rest. */
export function takeCommands(data: Buffer): { commands: Buffer[][]; rest: Buffer } {
  const commands: Buffer[][] = [];
  let at = 0;
  for (;;) {
    const taken = takeCommand(data, at);
    if (taken === null) return { commands, rest: data.subarray(at) };
    commands.push(taken.words);
    at = taken.end;
  }
}

export function encodeCommand(words: readonly Buffer[]): Buffer {
  const parts = words.flatMap((word) => [`$${word.length}\r\n`, word, '\r\n']);
  return Buffer.concat([`*${words.length}\r\n`, ...parts].map((part) => Buffer.from(part)));
}

function takeCommand(data: Buffer, start: number): { words: Buffer[]; end: number } | null {
  const count = takeNumber(data, start, '*');
  if (count === null) return null;
  const words: Buffer[] = [];
  let at = count.end;
  for (let i = 0; i < count.value; i++) {
    const size = takeNumber(data, at, '$');
    if (size === null || size.end + size.value + 2 > data.length) return null;
    words.push(data.subarray(size.end, size.end + size.value));
    at = size.end + size.value + 2;
  }
  return { words, end: at };
}

function takeNumber(data: Buffer, at: number, mark: string): { value: number; end: number } | null {
  const end = data.indexOf('\r\n', at);
  if (end < 0) return null;
  const line = data.toString('latin1', at, end);
  if (!line.startsWith(mark)) throw new Error(`a command cannot have ${line}`);
  return { value: Number(line.slice(1)), end: end + 2 };
}
