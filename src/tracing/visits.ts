import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Call } from '../calls/call.ts';
import type { Outcome } from '../calls/outcome.ts';
import type { KeepAliveSender } from '../calls/ports.ts';
import type { Visits } from '../calls/visitor.ts';

const TURN = createContextKey('callkeeper turn');

const tracer = () => trace.getTracer('callkeeper');

export function tracedVisits(visits: Visits): Visits {
  return {
    visitSlot: (slot, turnAt, stop) => {
      const attributes = { 'callkeeper.slot': slot, 'callkeeper.turn_at': turnAt };
      return inSpan('visit slot', { attributes }, context.active(), (span) => {
        const of = context.active().setValue(TURN, span);
        return context.with(of, () => visits.visitSlot(slot, turnAt, stop));
      });
    },
  };
}

/**
 * Records each keepAlive as a span. A keepAlive of a visit begins its own trace with a link to the
 * visit: a slot may have thousands of them, and a sampler should choose among them.
 */
export function tracedSender(sender: KeepAliveSender): KeepAliveSender {
  return {
    ready: (call) => sender.ready(call),
    prepare: (call, leftMs) => sender.prepare(call, leftMs),
    send: (call) => {
      const turn = context.active().getValue(TURN) as Span | undefined;
      const options = { attributes: attributesOf(call) };
      const send = async (span: Span) => {
        const outcome = await sender.send(call);
        tell(span, outcome);
        return outcome;
      };
      if (turn === undefined) return inSpan('keepAlive', options, context.active(), send);
      const links = [{ context: turn.spanContext() }];
      return inSpan('keepAlive', { ...options, links }, ROOT_CONTEXT, send);
    },
  };
}

function attributesOf({ id, app, tenantId, consecutiveFailures }: Call): Attributes {
  return {
    'callkeeper.call.id': id,
    'callkeeper.app': app,
    'callkeeper.tenant.id': tenantId,
    'callkeeper.failures_before': consecutiveFailures,
  };
}

function tell(span: Span, outcome: Outcome): void {
  span.setAttribute('callkeeper.outcome', outcome.kind);
  if (!('error' in outcome)) return;
  const { code, message, requestId } = outcome.error;
  if (requestId !== null) span.setAttribute('callkeeper.graph.request_id', requestId);
  if (outcome.kind === 'ended') return;
  span.setStatus({ code: SpanStatusCode.ERROR, message: `${code ?? ''}: ${message}` });
}

function inSpan<T>(
  name: string,
  options: SpanOptions,
  of: Context,
  act: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer().startActiveSpan(name, options, of, async (span) => {
    try {
      return await act(span);
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
