/** @import { Call } from '../client/api.ts' */
import { span, time, timeLeft } from './format.js';

const STOPPED_BY = {
  request: 'a request',
  notification: "Graph's notification",
  'track-until': 'the end of its tracking time',
  'owner-lost': "the end of its owner's lease",
};

/**
 * The facts on the page of a call, by name; '' hides a fact.
 *
 * @param {Call} call
 * @param {number} now epoch ms
 */
export function factsOf(call, now) {
  const isTracked = call.state === 'tracked';
  const left = timeLeft(Date.parse(call.deadlineAt) - now);
  const { resultInfo, consecutiveFailures: failures } = call;
  return {
    Deadline: isTracked ? `${time(call.deadlineAt)}, ${left} left` : '',
    'Next keepAlive': call.dueAt === null ? '' : due(call.dueAt, now),
    'Last renewed': call.renewedAt === null ? never(isTracked) : ago(call.renewedAt, now),
    'Failures in a row': failures === 0 ? '' : String(failures),
    'At risk since': instant(call.atRiskAt),
    Labels: Object.entries(call.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
    App: call.app,
    Owner: call.owner ?? '',
    Tenant: call.tenantId,
    Tracked: instant(call.trackedAt),
    Began: instant(call.startedAt),
    'Tracked until': instant(call.trackUntil),
    'Left the schedule': instant(call.goneAt ?? null),
    'Stopped by': call.reason ? STOPPED_BY[call.reason] : '',
    Why: resultInfo ? `${resultInfo.message} (${resultInfo.code})` : '',
    Webhook: call.webhookUrl ?? '',
    Stored: call.durable ? '' : 'partly: Redis is out, so the latest changes are only in memory',
  };
}

/**
 * @param {string} at
 * @param {number} now
 */
function due(at, now) {
  const ms = Date.parse(at) - now;
  return `${time(at)}, ${ms < 0 ? 'now' : `in ${span(ms)}`}`;
}

/**
 * @param {string} at
 * @param {number} now
 */
function ago(at, now) {
  return `${time(at)}, ${span(now - Date.parse(at))} ago`;
}

/** @param {boolean} isTracked */
function never(isTracked) {
  return isTracked ? 'not yet' : 'never';
}

/** @param {string | null} at */
function instant(at) {
  return at === null ? '' : time(at);
}
