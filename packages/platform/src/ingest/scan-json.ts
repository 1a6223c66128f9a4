import type { TagContract } from '@millrace/contracts';
import type { Binding, DeviceRoute } from './route.js';
import { Kind, type RowScratch } from './row-scratch.js';
import type { TypeRoute } from './type-route.js';
import { readUlid } from './ulid-bytes.js';
import { aheadMsMax, earliestTsMs } from './verdict.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Position that says "not for the scanner". */
const no = -1;
/** Digits that a double surely holds exactly; more are left to the language's own parser. */
const exactDigitsMax = 15;
const powersOf10 = Array.from({ length: exactDigitsMax + 1 }, (_, i) => 10 ** i);

/** Bits of the members of the envelope that were seen; a second one of the same name is left to JSON.parse. */
const Seen = { version: 1, msgId: 2, deviceId: 4, deviceType: 8, ts: 16, seq: 32, d: 64, meta: 128 } as const;
const required = Seen.version | Seen.deviceId | Seen.ts | Seen.d;

interface ScannedTag {
  /** `"name":{"v":` */
  readonly prefix: Buffer;
  readonly type: TagContract['type'];
  readonly low: number;
  readonly high: number;
}

/**
 * Reads the ordinary message - the newest contract version, no white space, no escapes, known tags as `{v, q}` -
 * straight from its bytes into the scratch. Whatever is unusual in any way makes `scan` answer false, and the
 * complete decoder (decode-json.ts) decides: the scanner never gives a verdict of its own but "valid". That both
 * agree is proven by scan-json.test.ts.
 */
export class JsonScanner {
  readonly #tags: readonly ScannedTag[];
  readonly #requiredColumns: readonly number[];
  readonly #version: Buffer;
  readonly #versionText: string;
  readonly #deviceType: Buffer;
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;
  /** The number last read. */
  #number = 0;

  constructor(type: Pick<TypeRoute, 'name' | 'layout' | 'latest'>) {
    this.#tags = type.layout.columns.map(({ tag }) => ({
      prefix: Buffer.from(`"${tag.name}":{"v":`, 'latin1'),
      type: tag.type,
      ...limitsOf(tag),
    }));
    this.#requiredColumns = type.layout.columns.flatMap(({ tag }, i) => (tag.required ? [i] : []));
    this.#versionText = type.latest.contract.version;
    this.#version = Buffer.from(`${this.#versionText}"`, 'latin1');
    this.#deviceType = Buffer.from(`${type.name}"`, 'latin1');
  }

  /** True when the message is valid and in the scratch; false when the complete decoder must look at it. */
  scan(
    bytes: Buffer,
    start: number,
    end: number,
    binding: Binding,
    route: DeviceRoute,
    scratch: RowScratch,
    nowMs: number,
  ): boolean {
    this.#bytes = bytes;
    this.#end = end;
    scratch.clear();
    if (bytes[start] !== OPEN) return false;
    let at = start + 1;
    let seen = 0;
    for (;;) {
      if (bytes[at] !== QUOTE) return false;
      const keyAt = at + 1;
      at = this.#stringEnd(keyAt, 14);
      if (at === no || bytes[at + 1] !== COLON) return false;
      const member = this.#member(keyAt, at - keyAt);
      if (member === 0 || (seen & member) !== 0) return false;
      seen |= member;
      at = this.#readMember(member, at + 2, binding, route, scratch);
      if (at === no) return false;
      if (bytes[at] === COMMA) at++;
      else if (bytes[at] === CLOSE) break;
      else return false;
    }
    if (at + 1 !== end || (seen & required) !== required) return false;
    if (scratch.seq === 0 && !scratch.hasMsgId) return false;
    if (scratch.ts < earliestTsMs || scratch.ts > nowMs + aheadMsMax) return false;
    for (const column of this.#requiredColumns) if (scratch.kind[column] === Kind.absent) return false;
    route.schemaVersion = this.#versionText;
    return true;
  }

  /** The members' names differ in length, so the length picks the candidate. */
  #member(at: number, length: number): number {
    switch (length) {
      case 14:
        return this.#is(at, names.schema_version) ? Seen.version : 0;
      case 6:
        return this.#is(at, names.msg_id) ? Seen.msgId : 0;
      case 9:
        return this.#is(at, names.device_id) ? Seen.deviceId : 0;
      case 11:
        return this.#is(at, names.device_type) ? Seen.deviceType : 0;
      case 2:
        return this.#is(at, names.ts) ? Seen.ts : 0;
      case 3:
        return this.#is(at, names.seq) ? Seen.seq : 0;
      case 1:
        return this.#is(at, names.d) ? Seen.d : 0;
      case 4:
        return this.#is(at, names.meta) ? Seen.meta : 0;
      default:
        return 0;
    }
  }

  #readMember(member: number, at: number, binding: Binding, route: DeviceRoute, scratch: RowScratch): number {
    let next = at;
    switch (member) {
      case Seen.version:
        return this.#expectText(at, this.#version);
      case Seen.deviceType:
        return this.#expectText(at, this.#deviceType);
      case Seen.deviceId:
        return this.#expectText(at, route.idBytes);
      case Seen.msgId:
        if (this.#bytes[at] !== QUOTE || at + 28 > this.#end || this.#bytes[at + 27] !== QUOTE) return no;
        if (!readUlid(this.#bytes, at + 1, scratch.msgId)) return no;
        scratch.hasMsgId = true;
        return at + 28;
      case Seen.ts:
        next = this.#integer(at);
        scratch.ts = this.#number;
        return next;
      case Seen.seq:
        next = this.#integer(at);
        scratch.seq = this.#number;
        return this.#number >= 1 ? next : no;
      case Seen.d:
        return this.#values(at, scratch);
      default:
        return this.#meta(at, binding, route, scratch);
    }
  }

  #values(start: number, scratch: RowScratch): number {
    const bytes = this.#bytes;
    if (bytes[start] !== OPEN) return no;
    if (bytes[start + 1] === CLOSE) return start + 2;
    let at = start + 1;
    // Devices send their tags in the same order, so the next one is tried first.
    let column = -1;
    for (;;) {
      column = this.#column(at, column + 1);
      if (column === no || scratch.kind[column] !== Kind.absent) return no;
      at = this.#value(at + this.#tags[column]!.prefix.length, column, scratch);
      // `,"q":`
      if (
        at === no ||
        bytes[at] !== COMMA ||
        bytes[at + 1] !== QUOTE ||
        bytes[at + 2] !== 0x71 ||
        bytes[at + 3] !== QUOTE ||
        bytes[at + 4] !== COLON
      )
        return no;
      at = this.#integer(at + 5);
      if (at === no || this.#number > 255 || bytes[at] !== CLOSE) return no;
      scratch.q[column] = this.#number;
      at++;
      if (bytes[at] === COMMA) at++;
      else return bytes[at] === CLOSE ? at + 1 : no;
    }
  }

  /** The column whose prefix stands here, beginning the search at the one expected. */
  #column(at: number, expected: number): number {
    const tags = this.#tags;
    const count = tags.length;
    for (let i = 0; i < count; i++) {
      const column = expected + i < count ? expected + i : expected + i - count;
      if (this.#is(at, tags[column]!.prefix)) return column;
    }
    return no;
  }

  #value(at: number, column: number, scratch: RowScratch): number {
    const tag = this.#tags[column]!;
    const first = this.#bytes[at];
    if (first === 0x6e) {
      scratch.kind[column] = Kind.none;
      return this.#expect(at, words.null);
    }
    if (tag.type === 'boolean') {
      const truth = first === 0x74;
      scratch.kind[column] = Kind.boolean;
      scratch.value[column] = truth ? 1 : 0;
      return this.#expect(at, truth ? words.true : words.false);
    }
    if (tag.type === 'string') return no;
    const next = this.#anyNumber(at);
    const value = this.#number;
    if (next === no || value < tag.low || value > tag.high) return no;
    if (tag.type !== 'float64' && !Number.isInteger(value)) return no;
    scratch.kind[column] = Kind.number;
    scratch.value[column] = value;
    return next;
  }

  #meta(start: number, binding: Binding, route: DeviceRoute, scratch: RowScratch): number {
    const bytes = this.#bytes;
    if (bytes[start] !== OPEN) return no;
    let at = start + 1;
    let seen = 0;
    for (;;) {
      if (bytes[at] !== QUOTE) return no;
      const keyAt = at + 1;
      at = this.#stringEnd(keyAt, 15);
      if (at === no || bytes[at + 1] !== COLON) return no;
      const field = this.#metaField(keyAt, at - keyAt);
      if (field === 0 || (seen & field) !== 0) return no;
      seen |= field;
      at = this.#readMeta(field, at + 2, binding, route, scratch);
      if (at === no) return no;
      if (bytes[at] === COMMA) at++;
      else return bytes[at] === CLOSE ? at + 1 : no;
    }
  }

  #metaField(at: number, length: number): number {
    if (length === 10) return this.#is(at, names.fw_version) ? 1 : 0;
    if (length === 9) return this.#is(at, names.source_ts) ? 4 : 0;
    if (length === 15) return this.#is(at, names.edge_latency_ms) ? 8 : 0;
    if (length === 4) return this.#is(at, names.site) ? 16 : 0;
    if (length !== 5) return 0;
    return this.#is(at, names.gw_id) ? 2 : this.#is(at, names.epoch) ? 32 : 0;
  }

  #readMeta(field: number, at: number, binding: Binding, route: DeviceRoute, scratch: RowScratch): number {
    let next = no;
    switch (field) {
      case 1:
        return this.#firmware(at, route, scratch);
      case 2:
        next = this.#expectText(at, binding.clientIdBytes);
        return next === no ? this.#expectText(at, binding.speakerIdBytes) : next;
      case 4:
        next = this.#integer(at);
        scratch.sourceTs = this.#number;
        return next;
      case 8:
        return this.#anyNumber(at);
      case 16:
        next = this.#bytes[at] === QUOTE ? this.#stringEnd(at + 1, 64) : no;
        return next === no ? no : next + 1;
      default:
        next = this.#integer(at);
        if (this.#number > 0xffff_ffff) return no;
        scratch.epoch = this.#number;
        return next;
    }
  }

  #firmware(at: number, route: DeviceRoute, scratch: RowScratch): number {
    if (route.fwBytes !== undefined) {
      const known = this.#expectText(at, route.fwBytes);
      if (known !== no) {
        scratch.fwVersion = route.fwVersion;
        return known;
      }
    }
    if (this.#bytes[at] !== QUOTE) return no;
    const end = this.#stringEnd(at + 1, 64);
    if (end === no) return no;
    scratch.fwVersion = this.#bytes.toString('latin1', at + 1, end);
    route.fwBytes = Buffer.from(`${scratch.fwVersion}"`, 'latin1');
    route.fwVersion = scratch.fwVersion;
    return end + 1;
  }

  /** Position of the closing quote of a plain string of at most `max` printable ASCII characters. */
  #stringEnd(start: number, max: number): number {
    const bytes = this.#bytes;
    const last = Math.min(this.#end, start + max + 1);
    for (let at = start; at < last; at++) {
      const byte = bytes[at]!;
      if (byte === QUOTE) return at;
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return no;
    }
    return no;
  }

  /** A string whose characters and closing quote are `text`. */
  #expectText(at: number, text: Buffer): number {
    return this.#bytes[at] === QUOTE ? this.#expect(at + 1, text) : no;
  }

  #expect(at: number, text: Buffer): number {
    return this.#is(at, text) ? at + text.length : no;
  }

  #is(at: number, text: Buffer): boolean {
    const bytes = this.#bytes;
    const length = text.length;
    if (at + length > this.#end) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== text[i]) return false;
    return true;
  }

  /** A non-negative integer of at most 15 digits, without fraction or exponent. */
  #integer(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    let value = 0;
    for (; at < this.#end; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - start;
    if (digits === 0 || digits > exactDigitsMax) return no;
    if (digits > 1 && bytes[start] === ZERO) return no;
    const after = bytes[at];
    if (after !== COMMA && after !== CLOSE) return no;
    this.#number = value;
    return at;
  }

  /** A JSON number without exponent. */
  #anyNumber(start: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const negative = bytes[start] === MINUS;
    let at = negative ? start + 1 : start;
    const whole = at;
    let value = 0;
    for (; at < end; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    let digits = at - whole;
    if (digits === 0 || (digits > 1 && bytes[whole] === ZERO)) return no;
    let decimals = 0;
    if (bytes[at] === DOT) {
      const fraction = ++at;
      for (; at < end; at++) {
        const digit = bytes[at]! - ZERO;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      decimals = at - fraction;
      if (decimals === 0) return no;
      digits += decimals;
    }
    const after = bytes[at];
    if (after !== COMMA && after !== CLOSE) return no;
    if (digits > exactDigitsMax) {
      this.#number = Number(bytes.toString('latin1', start, at));
      return Number.isFinite(this.#number) ? at : no;
    }
    // Both are exact, so the division rounds once, as a correct parser does (Clinger 1990).
    if (decimals > 0) value /= powersOf10[decimals]!;
    this.#number = negative ? -value : value;
    return at;
  }
}

const names = {
  schema_version: Buffer.from('schema_version'),
  msg_id: Buffer.from('msg_id'),
  device_id: Buffer.from('device_id'),
  device_type: Buffer.from('device_type'),
  ts: Buffer.from('ts'),
  seq: Buffer.from('seq'),
  d: Buffer.from('d'),
  meta: Buffer.from('meta'),
  fw_version: Buffer.from('fw_version'),
  source_ts: Buffer.from('source_ts'),
  edge_latency_ms: Buffer.from('edge_latency_ms'),
  site: Buffer.from('site'),
  gw_id: Buffer.from('gw_id'),
  epoch: Buffer.from('epoch'),
} as const;

const words = { null: Buffer.from('null'), true: Buffer.from('true'), false: Buffer.from('false') } as const;

function limitsOf(tag: TagContract): { low: number; high: number } {
  const [low, high] = tag.limits ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  if (tag.type === 'int32') return { low: Math.max(low, -(2 ** 31)), high: Math.min(high, 2 ** 31 - 1) };
  if (tag.type === 'int64')
    return { low: Math.max(low, Number.MIN_SAFE_INTEGER), high: Math.min(high, Number.MAX_SAFE_INTEGER) };
  return { low, high };
}
