/**
 * Every metric of a replica: `Metrics` creates them from this table, and `npm run metrics` writes
 * the table of docs/metrics.md from it.
 */
interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Its text in `/metrics`. */
  readonly help: string;
  /**
   * `all`: every replica counts all calls that it knows, so take the worst, not the sum.
   * `own`: every replica counts its own work.
   */
  readonly of: 'all' | 'own';
  /** By label: its values with their meanings, or in words if only the configuration knows them. */
  readonly labels?: Readonly<Record<string, LabelValues | string>>;
  /** When to look closer. */
  readonly watch: string;
}

export type LabelValues = Readonly<Record<string, string>>;

/** What an attempt led to; '' for a value that explains itself. */
const SUCCESS = { success: '', failure: '' };

const KEEPALIVE_OUTCOMES = {
  renewed: '',
  ended: '404 with the code 8522',
  not_found: 'any other 404 from Graph; retried',
  foreign: 'not an answer from Graph; retried',
  throttled: '429, or 408 or any 5xx with `Retry-After`',
  refused: '403',
  unauthorized: '401 to a fresh token',
  failed: '',
};

const APP =
  'an app of `APPS_FILE`, or `default`; empty for calls whose app is not configured any more';

export const METRICS = {
  callkeeper_tracked_calls: {
    type: 'gauge',
    of: 'all',
    help: 'Calls on the schedule.',
    labels: { app: APP },
    watch: 'it drops suddenly, or only ever grows',
  },
  callkeeper_calls_failing: {
    type: 'gauge',
    of: 'all',
    help: 'Calls whose last keepAlive failed.',
    labels: { app: APP },
    watch: 'not 0 for minutes',
  },
  callkeeper_calls_at_risk: {
    type: 'gauge',
    of: 'all',
    help: 'Calls with under a third of the deadline left.',
    labels: { app: APP },
    watch: 'not 0',
  },
  callkeeper_min_margin_seconds: {
    type: 'gauge',
    of: 'all',
    help: 'Time left for the call of the app nearest to its deadline; the whole deadline if it has no call.',
    labels: { app: APP },
    watch: 'below deadline − interval − a minute',
  },
  callkeeper_keepalives_total: {
    type: 'counter',
    of: 'own',
    help: 'KeepAlive requests sent to Graph, by outcome.',
    labels: { app: APP, outcome: KEEPALIVE_OUTCOMES },
    watch: 'any outcome except `renewed` and `ended` grows',
  },
  callkeeper_keepalive_duration_seconds: {
    type: 'histogram',
    of: 'own',
    help: 'From sending a keepAlive request to the end of its answer.',
    watch: '95 % over 5 s',
  },
  callkeeper_lateness_seconds: {
    type: 'histogram',
    of: 'own',
    help: 'From the instant a keepAlive was due to its first request.',
    watch: '95 % over a minute',
  },
  callkeeper_deadline_margin_seconds: {
    type: 'histogram',
    of: 'own',
    help: 'Time left before the deadline at each successful keepAlive.',
    watch: 'any below a third of the deadline',
  },
  callkeeper_calls_removed_total: {
    type: 'counter',
    of: 'own',
    help: 'Calls that this replica took off the schedule, by reason.',
    labels: {
      app: APP,
      reason: {
        ended: 'Graph ended it',
        unknown: 'Graph does not know its id: it ended without ever having been renewed',
        expired: 'it passed its deadline',
        untracked: 'stopped',
        'owner-lost': 'stopped because its owner did not renew its lease',
      },
    },
    watch: '`expired` or `unknown` grows; `owner-lost` grows although no bot died',
  },
  callkeeper_graph_timeouts_total: {
    type: 'counter',
    of: 'own',
    help: 'Tracked calls that Graph ended because it got no keepAlive, by its notification (408, subcode 8537).',
    labels: { app: APP },
    watch: 'not 0',
  },
  callkeeper_token_requests_total: {
    type: 'counter',
    of: 'own',
    help: 'Requests for an access token, for Graph and for Redis.',
    labels: {
      app: 'as above; empty for tokens for Redis, and for those that several apps share',
      outcome: SUCCESS,
    },
    watch: '`failure` grows',
  },
  callkeeper_store_up: {
    type: 'gauge',
    of: 'own',
    help: '1 if Redis serves this replica, else 0.',
    watch: '0',
  },
  callkeeper_wheel_turning: {
    type: 'gauge',
    of: 'own',
    help: '1 if this replica takes turns of the wheel, else 0.',
    watch: '0 while Redis serves',
  },
  callkeeper_missed_turns_total: {
    type: 'counter',
    of: 'own',
    help: 'Slots that no replica visited in their turn, so that the watch of this replica did.',
    watch: 'more than a few after a replica was killed',
  },
  callkeeper_workers_replaced_total: {
    type: 'counter',
    of: 'own',
    help: 'BullMQ workers that were replaced because they took no jobs although some were waiting.',
    watch: 'more than one after a failover of Redis',
  },
  callkeeper_schedulers_repaired_total: {
    type: 'counter',
    of: 'own',
    help: 'Schedulers of slots that were repaired, by fault.',
    labels: { fault: { missing: '', overdue: '', ahead: '', 'out-of-phase': '' } },
    watch: 'it grows although nobody touched Redis',
  },
  callkeeper_calls_written_back_total: {
    type: 'counter',
    of: 'own',
    help: 'Calls that Redis had lost or never had, and this replica wrote back.',
    watch: 'it grows while Redis was up',
  },
  callkeeper_unreadable_values_total: {
    type: 'counter',
    of: 'own',
    help: 'Values in Redis that this version cannot read and skipped.',
    watch: 'not 0',
  },
  callkeeper_owners: {
    type: 'gauge',
    of: 'all',
    help: 'Owners that have a lease; a replica may be up to an interval behind.',
    watch: 'near 100,000, the limit',
  },
  callkeeper_owners_lapsed: {
    type: 'gauge',
    of: 'all',
    help: 'Owners whose lease ran out and whose calls are stopped at the end of the grace.',
    watch: 'a bot that is alive has a lapsed lease',
  },
  callkeeper_http_requests_total: {
    type: 'counter',
    of: 'own',
    help: 'Requests that the API answered, except probes, by the first digit of the status.',
    labels: { status: { '2xx': '', '4xx': '', '5xx': '' } },
    watch: '`5xx` grows',
  },
  callkeeper_requests_denied_total: {
    type: 'counter',
    of: 'own',
    help: 'Requests to the API that were refused, by reason.',
    labels: {
      reason: {
        unauthorized: 'no valid key or token',
        forbidden: 'the key lacks the scope',
        'rate-limited': '',
        unverifiable: "Entra's signing keys cannot be read",
      },
    },
    watch: 'it grows steadily',
  },
  callkeeper_connections_dropped_total: {
    type: 'counter',
    of: 'own',
    help: 'Connections that were closed because there were too many, by the limit that was reached.',
    labels: {
      reason: {
        address: 'of one address, without a key',
        anonymous: 'of all addresses, without a key',
        full: 'of any kind',
        pipelined: 'over 8 requests in flight on one connection',
      },
    },
    watch: 'it grows',
  },
  callkeeper_notifications_total: {
    type: 'counter',
    of: 'own',
    help: "Graph's notifications that bots passed on, by outcome.",
    labels: {
      outcome: {
        tracked: '',
        updated: 'the call now has the tenant that Graph names',
        stopped: '',
        ignored: '',
        other_tenant: "ignored: it names another tenant than the call's",
        other_app: "ignored: it was sent for another app than the call's",
      },
    },
    watch: 'it stands still while calls come and go; `other_tenant` or `other_app` grows',
  },
  callkeeper_webhook_deliveries_total: {
    type: 'counter',
    of: 'own',
    help: 'Attempts to deliver an event to a webhook, and events that were given up, by outcome.',
    labels: {
      outcome: {
        delivered: '',
        failed: 'is retried',
        gone: 'the receiver answered 410',
        refused: 'its host is not allowed',
        given_up: 'after a day',
      },
    },
    watch: '`given_up` or `refused` grows',
  },
  callkeeper_reload_successful: {
    type: 'gauge',
    of: 'own',
    help: '1 if the file is in use as it was last read, 0 if it is faulty.',
    labels: {
      file: { apps: '`APPS_FILE`', access: '`ACCESS_FILE`', 'redis-url': '`REDIS_URL_FILE`' },
    },
    watch: '0',
  },
  callkeeper_apps_reloads_total: {
    type: 'counter',
    of: 'own',
    help: 'How often APPS_FILE was read after the start; after a failure the apps stay as they were.',
    labels: { outcome: SUCCESS },
    watch: '`failure` grows',
  },
  callkeeper_access_reloads_total: {
    type: 'counter',
    of: 'own',
    help: 'How often ACCESS_FILE was read after the start; after a failure the keys stay as they were.',
    labels: { outcome: SUCCESS },
    watch: '`failure` grows',
  },
  callkeeper_interval_seconds: {
    type: 'gauge',
    of: 'own',
    help: 'KEEPALIVE_INTERVAL.',
    watch: 'replicas differ',
  },
  callkeeper_deadline_seconds: {
    type: 'gauge',
    of: 'own',
    help: 'KEEPALIVE_DEADLINE.',
    watch: 'replicas differ',
  },
  callkeeper_build_info: {
    type: 'gauge',
    of: 'own',
    help: 'Always 1; the label has the version.',
    labels: { version: 'the version of Callkeeper' },
    watch: 'several versions for long',
  },
} as const satisfies Readonly<Record<string, Definition>>;

type Table = typeof METRICS;
export type MetricName = keyof Table;
export type MetricsOf<T extends Definition['type']> = {
  [N in MetricName]: Table[N]['type'] extends T ? N : never;
}[MetricName];

/** A metric by its name, without what the table knows only of that one. */
export function definitionOf(name: MetricName): Definition {
  return METRICS[name];
}
