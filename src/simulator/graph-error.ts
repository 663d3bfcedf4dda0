import type { ServerResponse } from 'node:http';
import { sendJson } from './reply.ts';

/**
 * Sends Graph's error envelope, with the same ids as in the response's headers.
 * Source: https://learn.microsoft.com/graph/errors
 */
export function sendGraphError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
): void {
  const innerError = {
    date: new Date().toISOString().slice(0, 19),
    'request-id': response.getHeader('request-id'),
    'client-request-id': response.getHeader('client-request-id'),
  };
  sendJson(response, status, { error: { code, message, innerError } });
}
