/** @import { Call } from '../client/api.ts' */

/**
 * What Microsoft support asks for, as plain text: each failed request once, newest first.
 *
 * @param {Call} call
 * @param {readonly NonNullable<Call['lastError']>[]} errors
 */
export function evidence({ id, tenantId }, errors) {
  const requests = errors.map((error) =>
    [
      `time: ${error.at}`,
      `status: ${error.status ?? 'no answer'}`,
      `code: ${error.code ?? '–'}`,
      `message: ${error.message}`,
      `request-id: ${error.requestId ?? '–'}`,
      `client-request-id: ${error.clientRequestId ?? '–'}`,
      `Date: ${error.date ?? '–'}`,
      `x-ms-ags-diagnostic: ${error.diagnostic ?? '–'}`,
    ].join('\n'),
  );
  return [
    `POST /communications/calls/${id}/keepAlive\ncall: ${id}\ntenant: ${tenantId}`,
    ...requests,
  ].join('\n\n');
}

/**
 * Whether the text is on the clipboard now. Away from localhost a browser wants TLS for that.
 *
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
