import { isObject } from './answers.ts';
import type { CommsNotifications, NotifyAnswer } from './api.ts';
import type { Answer, RequestOptions } from './attempt.ts';
import { withQuery } from './paths.ts';
import type { Transport } from './transport.ts';

/** The app that Graph's notifications are about, and the `Authorization` header of its request. */
export interface NotificationSource {
  readonly app?: string | undefined;
  readonly authorization?: string | undefined;
}

export async function notify(
  transport: Transport,
  notifications: CommsNotifications,
  { app, authorization }: NotificationSource,
  options?: RequestOptions,
): Promise<NotifyAnswer> {
  const path = withQuery('notifications', { app });
  const headers = forwarded(authorization);
  const answers = ({ body }: Answer) => isObject(body) && typeof body.tracked === 'number';
  const request = { method: 'POST', path, body: notifications, headers, answers } as const;
  return (await transport.send(request, options)).body as NotifyAnswer;
}

/** An error does not quote the header, which is a secret. */
function forwarded(authorization: string | undefined): Record<string, string> {
  if (authorization === undefined) return {};
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(authorization)) {
    return { 'x-forwarded-authorization': authorization };
  }
  throw new TypeError('authorization: expected the value of an HTTP header');
}
