import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import Type from 'typebox';
import { openProblemAnswers, problemAnswers } from '../answers.ts';
import { Problem, problemBody } from '../problems.ts';
import { shareResult } from '../shared-result.ts';

export interface MetricsRoutesOptions {
  /** In Prometheus's text format. */
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
}

export interface ProbeRoutesOptions {
  /** The reasons why this replica is not ready; empty if it is. */
  ready(): string[];
}

const config = { open: true };

/** Rendering counts all calls, and anybody may ask for it without a key. */
const METRICS_FRESH_MS = 1_000;
const shared = { tags: ['Operations'], security: [] };

const metricsSchema = {
  ...shared,
  operationId: 'getMetrics',
  summary: 'Metrics for Prometheus',
  response: {
    200: {
      description: 'All metrics of this replica, rendered at most once a second.',
      content: { 'text/plain': { schema: Type.String() } },
    },
    ...openProblemAnswers([]),
  },
};

const alive = Type.Object(
  { status: Type.Literal('alive') },
  {
    title: 'Liveness',
    description: 'It is alive.',
  },
);
const livezSchema = {
  ...shared,
  operationId: 'getLiveness',
  summary: 'Whether the process is alive',
  description: 'Also while Redis is out: a restart would not bring it back.',
  response: { 200: alive, ...openProblemAnswers([]) },
};

const ready = Type.Object(
  { status: Type.Literal('ready') },
  {
    title: 'Readiness',
    description: 'It is ready.',
  },
);
const readyzSchema = {
  ...shared,
  operationId: 'getReadiness',
  summary: 'Whether this replica is ready to serve',
  response: { 200: ready, ...openProblemAnswers(['not-ready'], 'ReadinessProblem') },
};

export const metricsRoutes: FastifyPluginCallbackTypebox<MetricsRoutesOptions> = (
  app,
  { metrics },
  done,
) => {
  const render = shareResult(() => metrics.render(), METRICS_FRESH_MS);
  app.get('/metrics', { config, schema: metricsSchema }, async (_request, reply) => {
    const text = await render();
    return reply.type(metrics.contentType).send(text);
  });

  done();
};

export const probeRoutes: FastifyPluginCallbackTypebox<ProbeRoutesOptions> = (
  app,
  options,
  done,
) => {
  app.get('/livez', { config, schema: livezSchema }, async () => ({ status: 'alive' as const }));

  app.get('/readyz', { config, schema: readyzSchema }, async () => {
    const reasons = options.ready();
    if (reasons.length === 0) return { status: 'ready' as const };
    throw new Problem(problemBody('not-ready', reasons.join('; '), { reasons }));
  });

  done();
};

const documentSchema = {
  tags: ['Operations'],
  operationId: 'getOpenApi',
  summary: 'This document',
  response: {
    200: Type.Object({}, { description: 'OpenAPI 3.1.', additionalProperties: true }),
    ...problemAnswers([]),
  },
};

export const documentRoutes: FastifyPluginCallbackTypebox = (app, _options, done) => {
  app.get('/openapi.json', { schema: documentSchema }, async () => ({ ...app.swagger() }));
  done();
};
