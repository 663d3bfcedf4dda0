import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';

export interface SamplerOptions {
  /** A value of `OTEL_TRACES_SAMPLER`, such as `parentbased_traceidratio`. */
  readonly name: string;
  /** `OTEL_TRACES_SAMPLER_ARG`: from 0 to 1. */
  readonly ratio: number;
}

/**
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
 */
export function samplerOf({ name, ratio }: SamplerOptions): Sampler {
  const root = rootOf(name.replace(/^parentbased_/, ''), ratio);
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootOf(name: string, ratio: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  if (name === 'traceidratio') return new TraceIdRatioBasedSampler(ratio);
  return new AlwaysOnSampler();
}
