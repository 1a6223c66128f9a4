import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventParser } from './event-stream.js';

const text =
  'retry: 3000\n\n:keepalive\n\nid: 7\nevent: values\ndata: {"a":1}\n\ndata: one\r\ndata: two\r\n\r\nevent: x\n\n';

describe('the event stream parser', () => {
  it('gives the same events however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
        const parser = new EventParser();
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const events = at.slice(1).flatMap((end, i) => parser.push(text.slice(at[i], end)));
        expect(events).toEqual([
          { event: 'values', data: '{"a":1}', id: '7' },
          { event: 'message', data: 'one\ntwo', id: '7' },
        ]);
        expect(parser.retryMs).toBe(3000);
      }),
    );
  });

  it('refuses a line without end', () => {
    expect(() => new EventParser().push('x'.repeat(4_000_001))).toThrow('without end');
  });
});
