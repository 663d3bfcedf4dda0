import { expect, test, vi } from 'vitest';
import { Agenda } from '../../src/keeper/agenda.ts';
import { FakeClock, NOW } from '../calls/fixture.ts';

test('an agenda that cannot go on says so, instead of standing still', async () => {
  const onFatal = vi.fn();
  const bug = new Error('a bug');
  const onDue = () => {
    throw bug;
  };
  const agenda = new Agenda(new FakeClock(), onDue, onFatal);
  agenda.add({ id: 'call-0001', at: NOW, graceMs: 0 });
  await vi.waitFor(() => expect(onFatal).toHaveBeenCalledWith(bug));
  await agenda.stop();
});
