import { expect, test } from 'vitest';
import { samplerOf } from '../../src/tracing/sampler.ts';

test.each([
  ['always_on', 'AlwaysOnSampler'],
  ['always_off', 'AlwaysOffSampler'],
  ['traceidratio', 'TraceIdRatioBased{0.25}'],
  ['parentbased_always_on', 'ParentBased{root=AlwaysOnSampler,'],
  ['parentbased_always_off', 'ParentBased{root=AlwaysOffSampler,'],
  ['parentbased_traceidratio', 'ParentBased{root=TraceIdRatioBased{0.25},'],
])('%s is the sampler that OpenTelemetry means by it', (name, described) => {
  expect(samplerOf({ name, ratio: 0.25 }).toString()).toContain(described);
});
