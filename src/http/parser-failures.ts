import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type ProblemName, problemBody } from './problems.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

const SECURITY_LINES = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');

/** By Node's code. Any other code means that the request is not HTTP. */
const BY_CODE: Readonly<Record<string, readonly [ProblemName, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'the headers exceed what this server reads'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['body-too-large', 'the chunk extensions are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'headers or body did not arrive in time'],
};

/**
 * Answers requests that Node's HTTP parser refuses. There is no request object yet, so it writes
 * the response to the socket, and closes it.
 */
export function answerParserFailure(
  log: FastifyBaseLogger,
  error: NodeJS.ErrnoException,
  socket: Socket,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  log.debug({ code: error.code, remoteAddress: socket.remoteAddress }, 'request refused by parser');
  const [name, detail] = BY_CODE[error.code ?? ''] ?? [
    'malformed-request',
    'the request cannot be parsed as HTTP/1.1',
  ];
  const { status } = PROBLEMS[name];
  const body = JSON.stringify(problemBody(name, detail));
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      `Content-Type: ${PROBLEM_MEDIA_TYPE}; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n${SECURITY_LINES}\r\n${body}`,
  );
  socket.destroySoon();
}
