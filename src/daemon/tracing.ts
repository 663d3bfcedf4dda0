import type { Context } from './context.ts';

/** Loads OpenTelemetry only if traces are wanted; null if not. */
export async function openTracing({ config, version, replica, log }: Context) {
  if (config.tracing === null) return null;
  const { startTracing } = await import('../tracing/tracing.ts');
  const tracing = startTracing({ ...config.tracing, version, replica, log });
  return { ...tracing, [Symbol.asyncDispose]: tracing.stop };
}
