import { expect, test } from 'vitest';
import { Messages, readBind, readParse } from './postgres-wire.js';

const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
const int32 = (value: number) => Buffer.concat([int16(value >>> 16), int16(value & 65_535)]);
const text = (value: string) => Buffer.from(`${value}\0`);
const message = (type: string, ...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};

const startup = Buffer.concat([int32(9), Buffer.from('hello')]);
const parse = message('P', text('s1'), text('select f($1, $2)'), int16(0));
const value = Buffer.from('first');
const bind = message(
  'B',
  ...[text(''), text('s1'), int16(1), int16(0)],
  ...[int16(2), int32(value.length), value, int32(-1)],
  int16(0),
);
const stream = Buffer.concat([startup, parse, bind, message('S')]);

test.each([1, 3, 7, stream.length])('messages are read whole from pieces of %i bytes', (size) => {
  const messages = new Messages('client');
  const read = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) => [
    ...messages.of(stream.subarray(index * size, (index + 1) * size)),
  ]).flat();
  expect(read.map(({ type }) => type)).toEqual(['', 'P', 'B', 'S']);
  expect(Buffer.concat(read.map(({ bytes }) => bytes))).toEqual(stream);
});

test('a call is known by its statement and values; a missing value is empty', () => {
  expect(readParse({ type: 'P', bytes: parse })).toEqual({ name: 's1', text: 'select f($1, $2)' });
  expect(readBind({ type: 'B', bytes: bind })).toEqual({ name: 's1', values: ['first', ''] });
});
