import Type, { type TSchema } from 'typebox';

/** Epoch ms by the shared clock. */
export const Instant = Type.Number();

export const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
