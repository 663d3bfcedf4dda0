import { describe, expect, test } from 'vitest';
import { nameSchemas } from '../../src/http/components.ts';

const COLOR = { type: 'string', enum: ['red', 'blue'], title: 'Color' };
const REFERENCE = { $ref: '#/components/schemas/Color' };

describe('the schemas of a document', () => {
  test('become components by their titles, also those inside of others', () => {
    const car = { type: 'object', title: 'Car', properties: { color: COLOR } };
    const { paths, components } = nameSchemas({ paths: { '/car': car, '/color': COLOR } });
    expect(paths).toEqual({ '/car': { $ref: '#/components/schemas/Car' }, '/color': REFERENCE });
    expect(components).toEqual({
      schemas: {
        Car: { type: 'object', title: 'Car', properties: { color: REFERENCE } },
        Color: COLOR,
      },
    });
  });

  test('leave the default at the place that it belongs to', () => {
    const document = nameSchemas({ paths: { '/car': { ...COLOR, default: 'red' } } });
    expect(document.paths).toEqual({ '/car': { ...REFERENCE, default: 'red' } });
    expect(document.components).toEqual({ schemas: { Color: COLOR } });
  });

  test('keep the components that are there, with their names', () => {
    const car = { type: 'object', title: 'Car', properties: { color: COLOR } };
    const document = nameSchemas({ components: { schemas: { Car: car }, securitySchemes: {} } });
    expect(document.components).toMatchObject({ securitySchemes: {}, schemas: { Color: COLOR } });
    expect(document.components.schemas).toHaveProperty('Car.properties.color', REFERENCE);
  });

  test('are not named twice: two that differ under one title are refused', () => {
    const other = { ...COLOR, enum: ['green'] };
    expect(() => nameSchemas({ paths: { '/a': COLOR, '/b': other } })).toThrow(
      'two different schemas have the title Color',
    );
  });

  test('are the same under one title if only one of them is described', () => {
    const described = { ...COLOR, description: 'of the car' };
    for (const paths of [
      { '/a': COLOR, '/b': described },
      { '/a': described, '/b': COLOR },
    ]) {
      expect(nameSchemas({ paths }).components).toEqual({ schemas: { Color: described } });
    }
  });

  test('are not confused with data, or with properties named title', () => {
    const examples = [{ title: 'The request is not valid' }];
    const problem = { type: 'object', properties: { title: { type: 'string' } }, examples };
    expect(nameSchemas({ paths: { '/problem': problem } })).toEqual({
      paths: { '/problem': problem },
      components: { schemas: {} },
    });
  });
});
