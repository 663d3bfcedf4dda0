import type { EnvReader } from './env-reader.ts';

/** From OpenTelemetry's own variables. Its exporter reads the endpoint itself. */
export interface TracingConfig {
  readonly sampler: { readonly name: string; readonly ratio: number };
  readonly batch: {
    readonly scheduledDelayMillis: number;
    readonly exportTimeoutMillis: number;
    readonly maxQueueSize: number;
    readonly maxExportBatchSize: number;
  };
}

export function readTracingConfig(read: EnvReader): TracingConfig | null {
  const endpoint =
    read.get('OTEL_EXPORTER_OTLP_ENDPOINT') ?? read.get('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const exporter = read.text('OTEL_TRACES_EXPORTER') ?? (endpoint === null ? 'none' : 'otlp');
  if (exporter === 'none' || read.get('OTEL_SDK_DISABLED')) return null;
  read.get('OTEL_TRACES_EXPORTER');
  read.get('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL');
  read.get('OTEL_EXPORTER_OTLP_PROTOCOL');
  return {
    sampler: {
      name: read.get('OTEL_TRACES_SAMPLER'),
      ratio: read.get('OTEL_TRACES_SAMPLER_ARG'),
    },
    batch: {
      scheduledDelayMillis: read.get('OTEL_BSP_SCHEDULE_DELAY'),
      exportTimeoutMillis: read.get('OTEL_BSP_EXPORT_TIMEOUT'),
      maxQueueSize: read.get('OTEL_BSP_MAX_QUEUE_SIZE'),
      maxExportBatchSize: read.get('OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
    },
  };
}
