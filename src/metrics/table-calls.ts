import { type Definitions, SUCCESS } from './definition.ts';

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

/** The calls, and the requests that keep them alive. */
export const CALLS = {
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
} as const satisfies Definitions;
