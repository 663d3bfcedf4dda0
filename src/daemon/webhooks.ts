import type { Owner, OwnerRecord } from '../calls/owner.ts';
import { callPresenter } from '../http/call-resource.ts';
import { eventPresenter } from '../http/event-resource.ts';
import { presentOwner } from '../http/owner-resource.ts';
import type { RedisClient, WorkerConnection } from '../store/connection.ts';
import { RedisDeliveryOrder } from '../store/delivery-order.ts';
import type { StreamedEventLog } from '../store/event-log.ts';
import { Handover } from '../store/handover.ts';
import { QUEUE_PREFIX } from '../store/keys.ts';
import type { RedisLink } from '../store/redis-link.ts';
import type { Targets } from '../webhooks/targets.ts';
import { Webhooks } from '../webhooks/webhooks.ts';
import type { Context } from './context.ts';

export interface WebhooksNeeds {
  readonly redis: RedisClient;
  readonly forQueues: RedisClient;
  readonly connectWorker: () => WorkerConnection;
  readonly link: Pick<RedisLink, 'up'>;
  readonly targets: Targets;
  readonly eventLog: Pick<StreamedEventLog, 'changed'>;
  readonly describeOwner: (record: OwnerRecord) => Owner;
}

/** An event is given up if its webhook has not taken it for this long. */
const RETRIED_MS = 24 * 60 * 60 * 1_000;
/** For one attempt. */
const TIMEOUT_MS = 15_000;

/** Posts events to webhooks; null if no webhook is configured. */
export function openWebhooks(context: Context, needs: WebhooksNeeds) {
  const { config, wheel, deadlineMs, replica, durations, metrics } = context;
  const { redis, forQueues, connectWorker, link, targets, eventLog, describeOwner } = needs;
  if (config.webhooks === null) return null;
  const present = eventPresenter(callPresenter(wheel, deadlineMs), (record) =>
    presentOwner(describeOwner(record)),
  );
  const webhooks = new Webhooks({
    ...context,
    ...config.webhooks,
    redis: forQueues,
    connectWorker,
    prefix: QUEUE_PREFIX,
    group: new Handover({ redis, replica, holdMs: durations.heartbeatTtlMs }),
    order: new RedisDeliveryOrder(redis),
    targets,
    render: (event) => JSON.stringify(present(event)),
    changed: (signal) => eventLog.changed(signal),
    isUp: () => link.up,
    lookMs: durations.heartbeatMs,
    lockMs: durations.lockMs,
    retry: {
      firstMs: durations.webhookRetryMs,
      capMs: durations.webhookRetryCapMs,
      forMs: RETRIED_MS,
    },
    timeoutMs: TIMEOUT_MS,
    onAttempt: (outcome) => metrics.webhookAttempted(outcome),
  });
  return {
    start: () => webhooks.start(),
    stop: (limit: AbortSignal) => webhooks.stop(limit),
    [Symbol.asyncDispose]: () => webhooks.stop(AbortSignal.abort()),
  };
}
