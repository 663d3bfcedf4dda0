import { Calls } from '../calls/calls.ts';
import type { CallKeeper, CallRegistry } from '../calls/ports.ts';
import { Targets } from '../webhooks/targets.ts';
import type { Apps } from './apps.ts';
import type { Context } from './context.ts';

export interface CallsNeeds {
  readonly registry: CallRegistry;
  readonly keeper: CallKeeper;
  readonly apps: Pick<Apps, 'current'>;
}

export function openCalls(context: Context, { registry, keeper, apps }: CallsNeeds) {
  const { config, wheel } = context;
  const targets = new Targets({
    ...(config.webhooks ?? { hosts: [], defaultUrl: null, secrets: [] }),
    apps: () => apps.current().apps,
  });
  const calls = new Calls({
    ...context,
    registry,
    keeper,
    currentApps: () => apps.current(),
    visibleApps: null,
    webhookFault: (webhookUrl, app) => targets.faultOf(webhookUrl, app),
    slots: wheel.slots,
  });
  return { calls, targets };
}
