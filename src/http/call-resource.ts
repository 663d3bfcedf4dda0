import Type, { type Static } from 'typebox';
import {
  type Call,
  type CallError,
  isRemoved,
  isUnknownToGraph,
  type RemovedCall,
} from '../calls/call.ts';
import { deadlineAt, dueAt } from '../calls/deadline.ts';
import type { Wheel } from '../calls/wheel.ts';
import { botFieldsOfAnswer, presentBotFields, TextOrNull } from './bot-fields.ts';
import { formatInstant, formatInstantOrNull, Instant, InstantOrNull } from './instant.ts';

export const CallState = Type.Enum(['tracked', 'ended', 'expired', 'untracked'], {
  type: 'string',
  title: 'CallState',
  description:
    'tracked: on the schedule. ended: Graph said so (404, code 8522). expired: the deadline passed without a ' +
    'success. untracked: it was stopped; `reason` says why.',
});

/** `oneOf`: NSwag makes an empty class of an `anyOf` with null. */
const orNull = <T>(schema: object, more: object = {}) =>
  Type.Unsafe<T>({ oneOf: [schema, { type: 'null' }], ...more });

export const LastErrorSchema = Type.Object(
  {
    at: Instant('When the attempt failed.'),
    status: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'HTTP status of the answer; null if none came.',
    }),
    code: TextOrNull(
      "Graph's `error.code`, or our own (`foreign`: something other than Graph answered; `token`, " +
        '`timeout`, `ECONNRESET`…).',
    ),
    message: Type.String(),
    requestId: TextOrNull("Graph's `request-id`: what Microsoft support asks for."),
    clientRequestId: TextOrNull('The `client-request-id` that was sent.'),
    diagnostic: TextOrNull("Graph's `x-ms-ags-diagnostic`."),
    date: TextOrNull("Graph's `Date` header, unchanged."),
  },
  { $id: 'LastError', title: 'LastError', description: 'Why the last keepAlive failed.' },
);
type LastError = Static<typeof LastErrorSchema>;

const RemovalReason = Type.Enum(['request', 'notification', 'track-until', 'owner-lost'], {
  type: 'string',
  title: 'RemovalReason',
});

const ResultInfo = Type.Object(
  {
    code: Type.Integer(),
    subcode: Type.Unsafe<number | null>({ type: ['integer', 'null'] }),
    message: Type.String(),
  },
  { title: 'ResultInfo', description: 'Why Graph ended it, if a notification said so.' },
);

export const CallSchema = Type.Object(
  {
    id: Type.String({ description: "Graph's id of the call; a GUID is in lower case." }),
    state: CallState,
    durable: Type.Boolean({
      description:
        'False if Redis is out and does not know the call as it is here; it may lack the last ' +
        'renewals and failures.',
    }),
    app: Type.String({ description: 'The configured app whose credentials keep the call alive.' }),
    tenantId: Type.String(),
    trackedAt: Instant('Since when it is tracked; a repeat does not change it.'),
    ...botFieldsOfAnswer,
    renewedAt: InstantOrNull('When the last successful keepAlive was sent.'),
    dueAt: InstantOrNull('The next planned keepAlive; null once the call is removed.'),
    deadlineAt: Instant('Graph ends the call then unless a keepAlive succeeds before.'),
    resultInfo: Type.Optional(ResultInfo),
    reason: Type.Optional(
      orNull<RemovedCall['reason']>(RemovalReason, {
        description:
          'What stopped an untracked call: a request, a notification from Graph, its `trackUntil`, or ' +
          'the loss of its owner, which did not renew its lease. Null for a call that ended or ' +
          'expired; absent while the call is tracked.',
      }),
    ),
    goneAt: Type.Optional(
      Instant('When the call was removed from the schedule; absent while it is tracked.'),
    ),
    neverRenewed: Type.Optional(
      Type.Boolean({
        description:
          'True if Graph ended it without ever having accepted a keepAlive: the id, the tenant or the cloud ' +
          'is wrong, or the call was over before it was tracked. Absent otherwise.',
      }),
    ),
    consecutiveFailures: Type.Integer({ minimum: 0 }),
    atRiskAt: InstantOrNull(
      'Since when the call has failed with under a third of its deadline left; null if it does not.',
    ),
    lastError: orNull<LastError | null>({ $ref: 'LastError#' }),
  },
  {
    $id: 'Call',
    title: 'Call',
    description: 'A call that is tracked, or was within the last 24 hours.',
    examples: [
      {
        id: '2e1a0b00-2db4-4022-9570-243709c565ab',
        state: 'tracked',
        durable: true,
        app: 'default',
        tenantId: '7f5b1f62-4a02-4f2e-9a2b-6c7d9c0a1b11',
        labels: { room: 'board' },
        webhookUrl: null,
        owner: 'bot-7',
        trackedAt: '2026-02-03T04:05:06.789Z',
        startedAt: null,
        trackUntil: null,
        renewedAt: '2026-02-03T04:05:07.012Z',
        dueAt: '2026-02-03T04:20:00.001Z',
        deadlineAt: '2026-02-03T04:50:07.012Z',
        consecutiveFailures: 0,
        atRiskAt: null,
        lastError: null,
      },
    ],
  },
);

export type CallResource = Static<typeof CallSchema>;

export const CallRef = Type.Unsafe<CallResource>({ $ref: 'Call#' });

export function callAnswer(description: string) {
  return Type.Unsafe<CallResource>({ $ref: 'Call#', description });
}

/** @param durable false if only this replica knows the call as it is */
export type PresentCall = (call: Call | RemovedCall, durable: boolean) => CallResource;

export function callPresenter(wheel: Wheel, deadlineMs: number): PresentCall {
  return (call, durable) => ({
    id: call.id,
    state: isRemoved(call) ? call.state : 'tracked',
    durable,
    app: call.app,
    tenantId: call.tenantId,
    trackedAt: formatInstant(call.trackedAt),
    ...presentBotFields(call),
    renewedAt: formatInstantOrNull(call.renewedAt),
    dueAt: isRemoved(call) ? null : formatInstant(dueAt(call, wheel)),
    deadlineAt: formatInstant(deadlineAt(call, deadlineMs)),
    ...(isRemoved(call) ? presentEnd(call) : {}),
    consecutiveFailures: call.consecutiveFailures,
    atRiskAt: formatInstantOrNull(call.atRiskAt),
    lastError: call.lastError && presentError(call.lastError),
  });
}

function presentEnd(call: RemovedCall) {
  const { removedAt, reason, resultInfo } = call;
  return {
    reason,
    goneAt: formatInstant(removedAt),
    ...(resultInfo === null ? {} : { resultInfo }),
    ...(isUnknownToGraph(call) ? { neverRenewed: true } : {}),
  };
}

export function presentError(error: CallError): LastError {
  return {
    at: formatInstant(error.at),
    status: error.status,
    code: error.code,
    message: error.message,
    requestId: error.requestId,
    clientRequestId: error.clientRequestId,
    diagnostic: error.diagnostic,
    date: error.date,
  };
}
