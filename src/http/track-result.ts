import type { Tracked } from '../calls/tracker.ts';
import type { CallResource, PresentCall } from './call-resource.ts';
import { invalidBody, type ProblemBody, problemBody } from './problems.ts';

/** The answer for one tracked call, alone or in a batch. */
export type PresentedResult =
  | { readonly status: 200 | 201 | 202; readonly call: CallResource; readonly error?: never }
  | { readonly status: 400 | 403; readonly call?: never; readonly error: ProblemBody };

/** @param base the JSON pointer to the call's fields in the body */
export function presentResult(
  result: Tracked,
  present: PresentCall,
  base: string,
): PresentedResult {
  if (result.kind === 'invalid') {
    const fault = { pointer: `${base}/${result.field}`, detail: result.message };
    return { status: 400, error: invalidBody([fault]) };
  }
  if (result.kind === 'forbidden') {
    return { status: 403, error: problemBody('forbidden', result.message) };
  }
  const { kind, call, durable } = result;
  const kept = kind === 'created' ? 201 : 200;
  return { status: durable ? kept : 202, call: present(call, durable) };
}
