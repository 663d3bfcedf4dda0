import type { Definitions } from './definition.ts';

/** What bots ask for, and what they are sent. */
export const BOTS = {
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
        given_up: 'after a day',
      },
    },
    watch: '`given_up` grows',
  },
} as const satisfies Definitions;
