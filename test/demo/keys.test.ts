import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { describe, expect, test, vi } from 'vitest';
import { listenToKeys } from '../../src/demo/keys.ts';

function aTerminal() {
  const setRawMode = vi.fn();
  return Object.assign(new PassThrough(), { setRawMode }) as unknown as ReadStream & {
    setRawMode: typeof setRawMode;
  };
}

async function listening() {
  const terminal = aTerminal();
  const press = vi.fn();
  const end = vi.fn();
  const stop = listenToKeys(terminal, [{ key: 'k', does: 'kills', press }], end);
  const type = async (text: string) => {
    (terminal as unknown as PassThrough).write(text);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { terminal, press, end, stop, type };
}

describe('keys', () => {
  test('do what they say, each time, and others nothing', async () => {
    const { type, press, end } = await listening();
    await type('kxk');
    expect(press).toHaveBeenCalledTimes(2);
    expect(end).not.toHaveBeenCalled();
  });

  test.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
    ['q', 'q'],
  ])('%s asks for the end', async (_name, text) => {
    const { type, end } = await listening();
    await type(text);
    expect(end).toHaveBeenCalledOnce();
  });

  test('a terminal that is closed asks for the end', async () => {
    const { terminal, end } = await listening();
    terminal.destroy(new Error('EIO'));
    await expect.poll(() => end).toHaveBeenCalled();
  });

  test('the terminal is restored', async () => {
    const { terminal, stop, type, press } = await listening();
    expect(terminal.setRawMode).toHaveBeenLastCalledWith(true);
    stop();
    expect(terminal.setRawMode).toHaveBeenLastCalledWith(false);
    await type('k');
    expect(press).not.toHaveBeenCalled();
  });
});
