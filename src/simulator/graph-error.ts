import { type ServerResponse, STATUS_CODES } from 'node:http';
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

/** Errors that are not just the name of the status. This 404 does not end a call. */
const ERRORS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  401: ['InvalidAuthenticationToken', 'Access token has expired or is not yet valid.'],
  403: ['Forbidden', 'Insufficient privileges to complete the operation.'],
  404: ['ResourceNotFound', 'Resource could not be discovered.'],
  429: ['TooManyRequests', 'Too many requests. Please retry later.'],
  500: ['InternalServerError', 'An internal server error occurred.'],
  503: ['ServiceUnavailable', 'The service is temporarily unavailable. Please retry later.'],
};

/** Sends the error that Graph usually sends with a status. */
export function sendUsualError(response: ServerResponse, status: number): void {
  const name = STATUS_CODES[status];
  const usual = [name?.replaceAll(/\W/g, '') ?? 'UnknownError', name ?? ''] as const;
  sendGraphError(response, status, ...(ERRORS[status] ?? usual));
}
