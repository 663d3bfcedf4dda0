import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { Project } from './project.ts';

interface SimulatedCall {
  readonly state: 'established' | 'ended' | 'timedOut';
  readonly renewals: number;
}

describe.skipIf(inject('noDocker') !== null)('compose.demo.yml', () => {
  test('keeps the calls of a simulated bot alive, and shows them on the board', async () => {
    const project = new Project('compose.demo.yml');
    onTestFinished(() => project.remove());
    const { code, output } = await project.compose('up', '--build', '--wait');
    expect(code, output).toBe(0);

    for (const port of [8080, 8081]) {
      const board = await fetch(`http://127.0.0.1:${port}/`);
      expect(await board.text()).toContain('<title>Callkeeper');
    }
    const calls = async () => {
      const answer = await fetch('http://127.0.0.1:9000/_simulator/calls');
      return (await answer.json()) as SimulatedCall[];
    };
    // One that was renewed five times has been kept alive for longer than its deadline.
    await expect
      .poll(async () => Math.max(...(await calls()).map(({ renewals }) => renewals)), {
        timeout: 120_000,
      })
      .toBeGreaterThan(5);
    expect((await calls()).filter(({ state }) => state === 'timedOut')).toEqual([]);
    const overview = await fetch('http://127.0.0.1:8080/overview');
    expect(await overview.json()).toMatchObject({ failing: 0, tracked: expect.any(Number) });
  });
});
