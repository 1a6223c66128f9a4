import { expect, it } from 'vitest';
import { describeSettings, settingsMarkdown } from './describe.js';
import { field } from './fields.js';

it('lists every setting of a declaration with type, default, unit and doc', () => {
  const declaration = field.object('Top.', {
    a: field.integer('The a.', { min: 1, max: 9, default: 3, unit: 'ms' }),
    s: field.string('The s.', { default: 'hidden-value', secret: true }),
    l: field.list('The l.', field.object('Item.', { x: field.boolean('The x.') })),
  });
  expect(describeSettings(declaration).map((r) => [r.path, r.type, r.default])).toEqual([
    ['a', 'whole number, 1 to 9', '`3`'],
    ['s', 'text', 'hidden'],
    ['l', 'list', 'required'],
    ['l[].x', 'boolean', 'required'],
  ]);
  expect(settingsMarkdown(declaration)).not.toContain('hidden-value');
});
