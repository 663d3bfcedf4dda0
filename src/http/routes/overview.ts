import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { CallsFor } from '../../calls/calls.ts';
import type { Overviews } from '../../overview/overview.ts';
import { problemAnswers } from '../answers.ts';
import { type OverviewContext, OverviewSchema, presentOverview } from '../overview-resource.ts';

export interface OverviewRoutesOptions extends Omit<OverviewContext, 'isDurable' | 'scopes'> {
  readonly overviews: Overviews;
  readonly calls: CallsFor<'isDurable'>;
}

const schema = {
  tags: ['Calls'],
  operationId: 'getOverview',
  summary: 'The state of all calls, for the board',
  description:
    'From the memory of the replica that answers, even while Redis is out. It counts at most once ' +
    'a second, for all clients together.',
  response: { 200: OverviewSchema, ...problemAnswers([]) },
};

export const overviewRoutes: FastifyPluginCallbackTypebox<OverviewRoutesOptions> = (
  app,
  { overviews, calls, ...context },
  done,
) => {
  app.get('/overview', { schema }, async ({ principal: { visibleApps, scopes } }) => {
    const theirs = calls.within(visibleApps);
    const isDurable = (id: string) => theirs.isDurable(id);
    return presentOverview(await overviews.read(visibleApps), { ...context, isDurable, scopes });
  });

  done();
};
