import type { Config } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Periods } from '../periods.ts';
import type { RedisClient } from '../store/connection.ts';
import { RedisDeliveryOrder } from '../store/delivery-order.ts';
import { Handover } from '../store/handover.ts';
import { QUEUE_PREFIX } from '../store/keys.ts';
import { Webhooks, type WebhooksOptions } from '../webhooks/webhooks.ts';

export type WebhooksParts = Pick<
  WebhooksOptions,
  'connectWorker' | 'targets' | 'render' | 'changed' | 'isUp' | 'clock' | 'random' | 'log'
> & {
  readonly webhooks: NonNullable<Config['webhooks']>;
  readonly redis: RedisClient;
  readonly forQueues: RedisClient;
  readonly replica: string;
  readonly period: Periods;
  readonly metrics: Metrics;
  readonly userAgent: string;
};

/** A webhook that has not taken an event for so long is not told of it. */
const RETRIED_MS = 24 * 60 * 60 * 1_000;
/** For one attempt. */
const TIMEOUT_MS = 15_000;

export function buildWebhooks(parts: WebhooksParts): Webhooks {
  const { webhooks, redis, forQueues, replica, period, metrics, userAgent, ...rest } = parts;
  return new Webhooks({
    ...rest,
    ...webhooks,
    redis: forQueues,
    prefix: QUEUE_PREFIX,
    group: new Handover({ redis, replica, holdMs: period.believedMs }),
    order: new RedisDeliveryOrder(redis),
    lookMs: period.heartbeatMs,
    lockMs: period.lockMs,
    retry: { firstMs: period.webhookRetryMs, capMs: period.webhookRetryCapMs, forMs: RETRIED_MS },
    timeoutMs: TIMEOUT_MS,
    userAgent,
    onAttempt: (outcome) => metrics.webhookAttempted(outcome),
  });
}
