/**
 * What an API costs that does nothing: Fastify with the schemas of `POST /calls/{id}/track`, and
 * the daemon's validator and serializer.
 */
import Fastify from 'fastify';
import Type from 'typebox';
import { callOf } from '../../src/calls/call.ts';
import { callPresenter } from '../../src/http/call-resource.ts';
import { CallId, TrackBody } from '../../src/http/track-request.ts';
import { compileValidator } from '../../src/http/validation.ts';
import { serve } from './rpc.ts';
import { newRecord, REAL_INTERVAL_MS, SLOTS } from './world/calls.ts';

const app = Fastify();
app.setValidatorCompiler(compileValidator);
app.setSerializerCompiler(() => JSON.stringify);
const present = callPresenter({ intervalMs: REAL_INTERVAL_MS, slots: SLOTS }, 3 * REAL_INTERVAL_MS);
const known = callOf(newRecord(Date.now()));
const call = known && present(known, true);
app.post(
  '/calls/:id/track',
  { schema: { params: Type.Object({ id: CallId }), body: TrackBody } },
  async (_, reply) => reply.code(201).send(call),
);
const url = await app.listen({ host: '127.0.0.1', port: 0 });

serve({ url: () => url });
