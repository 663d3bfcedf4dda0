import { expect, test } from 'vitest';
import { Readiness } from '../../src/daemon/readiness.ts';
import type { RedisCause } from '../../src/store/cause.ts';

const OOM: RedisCause = { code: 'OOM', what: 'Redis is out of memory (OOM)', fix: 'Add some.' };

const SKEW = "the clock of this machine is 20.0 s behind Redis's";

test.each<['waiting' | 'up' | 'out', RedisCause | null, boolean, string[], string?]>([
  ['up', null, true, []],
  ['up', OOM, true, []],
  ['up', null, false, ['the worker does not run']],
  ['up', null, false, [`the worker does not run: ${SKEW}`], SKEW],
  ['waiting', null, true, ['waiting for Redis: it does not answer']],
  ['waiting', OOM, true, ['waiting for Redis: Redis is out of memory (OOM)']],
  ['out', OOM, false, ['Redis is out: Redis is out of memory (OOM)', 'the worker does not run']],
])('a replica whose link is %s, by %o, its worker running: %s, has the reasons %j', (...given) => {
  const [state, cause, running, reasons, obstacle = null] = given;
  const turns = { obstacle };
  const readiness = new Readiness({ link: { state, cause }, schedule: { running }, turns });
  expect(readiness.reasons()).toEqual(reasons);
  readiness.stop();
  expect(readiness.reasons()).toEqual(['stopping', ...reasons]);
});
