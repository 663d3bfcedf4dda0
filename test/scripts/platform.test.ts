import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Platform {
  launching(platform: string): { readonly ownGroup: boolean; readonly stopBy: string };
  nodeProgram(root: string, platform: string): string;
  npmCommand(on: { npmPath: string; node: string; platform: string }): string[];
  toolsFor(program: string, tools: readonly string[], platform: string): readonly string[];
  cannotInstall(tool: string, platform: string): string | null;
}

const module = new URL('../../scripts/platform.mjs', import.meta.url).href;
const { launching, nodeProgram, npmCommand, toolsFor, cannotInstall }: Platform = await import(
  module
);

describe('on Windows', () => {
  test('a program is stopped by its channel, because signals would kill it', () => {
    expect(launching('win32')).toEqual({ ownGroup: false, stopBy: 'disconnect' });
  });

  test('Node is the program of its package, not the script in .bin', () => {
    expect(nodeProgram('root', 'win32')).toBe(join('root', 'node_modules/node/bin/node.exe'));
  });

  test('npm is started as a script of Node, because npm.cmd is not a program', () => {
    const running = { npmPath: 'n/npm-cli.js', node: 'node', platform: 'win32' } as const;
    expect(npmCommand(running)).toEqual(['node', 'n/npm-cli.js']);
    const none = npmCommand({ ...running, npmPath: '', node: join('nodejs', 'node.exe') });
    expect(none).toEqual([
      join('nodejs', 'node.exe'),
      join('nodejs', 'node_modules/npm/bin/npm-cli.js'),
    ]);
  });

  test('the demo needs no redis-server, and what needs one is sent to WSL', () => {
    expect(toolsFor('demo', ['redis-server'], 'win32')).toEqual([]);
    expect(toolsFor('test', ['redis-server'], 'win32')).toEqual(['redis-server']);
    expect(cannotInstall('redis-server', 'win32')).toContain('WSL 2');
  });
});

describe.each(['linux', 'darwin'] as const)('on %s', (platform) => {
  test('a program has its own group and is stopped by a signal', () => {
    expect(launching(platform)).toEqual({ ownGroup: true, stopBy: 'signal' });
  });

  test('Node and npm are what .bin and the PATH have', () => {
    expect(nodeProgram('root', platform)).toBe(join('root', 'node_modules/.bin/node'));
    expect(npmCommand({ npmPath: '', node: 'node', platform })).toEqual(['npm']);
    expect(npmCommand({ npmPath: 'n/npm-cli.js', node: 'node', platform })[1]).toBe('n/npm-cli.js');
  });

  test('the demo needs a redis-server, which can be installed', () => {
    expect(toolsFor('demo', ['redis-server'], platform)).toEqual(['redis-server']);
    expect(cannotInstall('redis-server', platform)).toBeNull();
  });
});
