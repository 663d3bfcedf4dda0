import type { EnvReader } from './env-reader.ts';

/** As OpenTelemetry's own variables have it; where traces go is read by its exporter itself. */
export interface TracingConfig {
  readonly sampler: { readonly name: string; readonly ratio: number };
  /** In ms, and in spans. */
  readonly batch: {
    readonly scheduledDelayMillis: number;
    readonly exportTimeoutMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
  };
}

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [
  name,
  `parentbased_${name}`,
]);

/** https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export function readTracingConfig(read: EnvReader): TracingConfig | null {
  const wanted =
    read.text('OTEL_EXPORTER_OTLP_ENDPOINT') ?? read.text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const exporter = read.text('OTEL_TRACES_EXPORTER') ?? (wanted === null ? 'none' : 'otlp');
  if (exporter === 'none' || read.text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return null;
  read.oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'none'], 'otlp');
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
    read.oneOf(name, ['http/protobuf'], 'http/protobuf');
  }
  return {
    sampler: {
      name: read.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on'),
      ratio: read.share('OTEL_TRACES_SAMPLER_ARG', 1),
    },
    batch: {
      scheduledDelayMillis: read.integer('OTEL_BSP_SCHEDULE_DELAY', 5_000, 1, 600_000),
      exportTimeoutMillis: read.integer('OTEL_BSP_EXPORT_TIMEOUT', 30_000, 1, 600_000),
      maxQueueSize: read.integer('OTEL_BSP_MAX_QUEUE_SIZE', 2_048, 1, 1_000_000),
      maxExportBatchSize: read.integer('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512, 1, 1_000_000),
    },
  };
}
