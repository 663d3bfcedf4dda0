import { type Definitions, SUCCESS } from './definition.ts';

/** Files, settings and the version. */
export const SETTINGS = {
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
} as const satisfies Definitions;
