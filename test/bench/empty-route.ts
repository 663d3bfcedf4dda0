/**
 * The empty route: stock Fastify with the path, the schema of the id and of the body
 * of `POST /calls/{id}/track`, and an answer of the same shape, that does nothing.
 */
import Fastify from 'fastify';
import Type from 'typebox';
import { CallSchema } from '../../src/http/call-resource.ts';
import { CallId, TrackBody } from '../../src/http/track-request.ts';
import { serve } from './rpc.ts';

const app = Fastify();
const {
  examples: [call],
} = CallSchema as unknown as { examples: [object] };
const schema = {
  params: Type.Object({ id: CallId }),
  body: TrackBody,
  response: { 201: CallSchema },
};
app.addSchema({ $id: 'LastError', type: 'object', additionalProperties: true });
app.post('/calls/:id/track', { schema }, (_request, reply) => reply.code(201).send(call));
const url = await app.listen({ host: '127.0.0.1', port: 0 });

serve({ url: () => url });
