import type { AdmitNotifications } from '../http/routes/notifications.ts';
import { admit } from '../notifications/admission.ts';
import { type GraphTokenOptions, GraphTokenVerifier } from '../notifications/graph-token.ts';
import type { Apps } from './apps.ts';
import type { Context } from './context.ts';

export interface NotificationsNeeds {
  readonly keyFetching: Omit<GraphTokenOptions, 'openIdUrl' | 'issuers' | 'audiences'>;
  readonly apps: Apps;
}

/** Checks Graph's token on notifications; null if it is not checked. */
export function openNotifications(
  { config }: Context,
  { keyFetching, apps }: NotificationsNeeds,
): AdmitNotifications | null {
  const { notificationsJwt } = config;
  if (notificationsJwt === null) return null;
  const verifier = new GraphTokenVerifier({
    ...notificationsJwt,
    ...keyFetching,
    audiences: () => notificationsJwt.audiences ?? apps.clientIds(),
  });
  return (authorization, named) => admit({ ...apps.current(), verifier }, authorization, named);
}
