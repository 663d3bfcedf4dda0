import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { StoreUnavailableError } from '../calls/ports.ts';
import { CursorError } from './cursors.ts';
import type { SchemaFault } from './fault-words.ts';
import {
  invalidBody,
  PROBLEM_MEDIA_TYPE,
  Problem,
  type ProblemName,
  problemBody,
} from './problems.ts';
import { REQUEST_ID } from './request-id.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { faultsOf } from './validation.ts';

/** `Retry-After` while Redis is out, in seconds: about as long as a failover. */
const STORE_RETRY_AFTER_S = '5';

/** Fastify's own errors by their code (https://fastify.dev/docs/latest/Reference/Errors/). */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [ProblemName, string]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid-json', 'the body cannot be parsed as JSON'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'the body is larger than this route accepts'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'send application/json'],
  FST_ERR_BAD_URL: ['malformed-request', 'the path is not properly percent-encoded'],
};

export function toProblem(error: FastifyError | Error): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailableError) {
    const detail = 'try again in a few seconds; the calls tracked so far are kept';
    const headers = { 'retry-after': STORE_RETRY_AFTER_S };
    return new Problem(problemBody('store-unavailable', detail), headers);
  }
  if (error instanceof CursorError) {
    return new Problem(invalidBody([{ parameter: 'cursor', detail: error.message }]));
  }
  const { code = '', statusCode = 500, validation, validationContext } = error as FastifyError;
  if (validation) {
    return new Problem(invalidBody(faultsOf(validation as SchemaFault[], validationContext)));
  }
  const known = FASTIFY_ERRORS[code];
  if (known) return new Problem(problemBody(...known));
  if (statusCode >= 400 && statusCode < 500) {
    return new Problem(problemBody('malformed-request', 'the request cannot be read'));
  }
  return new Problem(problemBody('internal-error', 'the cause is in the log of this replica'));
}

/** Logs only our own faults; the answer does not have their cause. */
export function answerFailure(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const problem = toProblem(error);
  if (problem !== error && problem.body.status >= 500) {
    const { id: reqId, method, url, routeOptions } = request;
    const route = routeOptions.url;
    request.log.error({ err: error, reqId, method, url, route }, 'request failed');
  }
  send(reply, problem);
}

/** For requests that Fastify refuses before routes and hooks, such as a badly encoded path. */
export function answerFrameworkFailure(
  error: FastifyError,
  { id }: FastifyRequest,
  reply: FastifyReply,
): void {
  send(reply.headers({ ...SECURITY_HEADERS, [REQUEST_ID]: id }), toProblem(error));
}

export function answerUnknownRoute(_request: FastifyRequest, reply: FastifyReply): void {
  const detail = 'the routes are listed in /openapi.json';
  send(reply, new Problem(problemBody('route-not-found', detail)));
}

function send(reply: FastifyReply, { body, headers }: Problem): void {
  reply.code(body.status).headers(headers).type(PROBLEM_MEDIA_TYPE).send(body);
}
