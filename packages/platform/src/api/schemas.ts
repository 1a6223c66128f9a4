import { type Static, type TObject, type TSchema, Type } from 'typebox';

/** A list of words that `null` may stand in for. */
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

const time = (description: string) =>
  Type.String({ format: 'date-time', description: `${description} RFC 3339, UTC.` });
const count = (description: string) => Type.Integer({ minimum: 0, description });
const series = (item: TSchema, description: string) => Type.Array(item, { description });

/** Strict objects: a member that is not declared is refused on the way in. */
export function strict<P extends Record<string, TSchema>>(members: P, options: object = {}): TObject<P> {
  return Type.Object(members, { additionalProperties: false, ...options }) as TObject<P>;
}

/** Refers to a schema of the document by name, so that clients get one named type. */
export function named<T extends TSchema>(schema: T): T {
  return Type.Unsafe<Static<T>>({ $ref: `${(schema as unknown as { $id: string }).$id}#` }) as unknown as T;
}

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URI that names the kind of problem.' }),
    title: Type.String({ description: 'The kind of problem in words.' }),
    status: Type.Integer({ description: 'HTTP status.' }),
    detail: Type.String({ description: 'What is wrong here and what to change.' }),
    error: Type.String({ description: 'Stable code, e.g. `not_found`.' }),
    message: Type.String({ description: 'The same text as `detail`.' }),
  },
  { $id: 'Problem', description: 'Why a request was refused (RFC 9457).' },
);

export const DeviceState = Type.Enum(['online', 'stale', 'offline', 'never_seen'], {
  description:
    'online: data is as fresh as expected. stale: connected, but data is overdue. offline: not connected.',
});

export const WorstQuality = Type.Object(
  {
    q: Type.Integer({ minimum: 0, maximum: 255, description: 'Wire quality code; 192 and above is good.' }),
    words: Type.String({ description: 'The code in words.' }),
    tag: Type.String({ description: 'The tag that has it.' }),
  },
  { $id: 'WorstQuality', description: 'The worst current quality of a device.' },
);

const deviceMembers = {
  device_id: Type.String({ description: 'Unique within the tenant.' }),
  device_type: Type.String({ description: 'Name of its contract, e.g. `centrifugal_pump`.' }),
  title: Type.String({ description: 'Name for people.' }),
  enterprise: Type.String({ description: 'ISA-95 enterprise; the tenant.' }),
  site: Type.String({ description: 'ISA-95 site.' }),
  area: Type.String({ description: 'ISA-95 area.' }),
  line: Type.String({ description: 'ISA-95 line.' }),
  gateway_id: orNull(Type.String({ description: 'The gateway that speaks for it.' })),
  state: DeviceState,
  state_reason: orNull(Type.String({ description: 'Why it is in this state.' })),
  last_seen: orNull(time('When the platform last heard of it.')),
  last_ts: orNull(time('Time stamp of its newest reading.')),
  fw_version: orNull(Type.String({ description: 'Firmware it reported.' })),
  schema_version: orNull(Type.String({ description: 'Contract version of its newest message.' })),
  worst_quality: orNull(named(WorstQuality)),
  gaps_open: count('Open gaps and silences.'),
  created_at: time('When it was registered.'),
};

export const Device = Type.Object(deviceMembers, { $id: 'Device', description: 'A registered device.' });

const tagValue = Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Null()], {
  description: 'In the unit of the tag; null where there is no value.',
});

const range = (description: string) => Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description });

export const Tag = Type.Object(
  {
    name: Type.String(),
    doc: Type.String({ description: 'What is measured.' }),
    type: Type.String({ description: 'float64, int32, int64, boolean or string.' }),
    unit: Type.String({ description: 'Unit symbol; empty for a pure number.' }),
    range: Type.Optional(range('Engineering range, low and high.')),
    normal: Type.Optional(range('Normal band, low and high.')),
    states: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Names of values.' })),
  },
  { $id: 'Tag', description: 'A tag of the contract.' },
);

export const LatestValue = Type.Object(
  {
    v: tagValue,
    q: Type.Integer({ description: 'Wire quality code.' }),
    quality: Type.Enum(['good', 'uncertain', 'bad']),
    words: Type.String({ description: 'The quality in words.' }),
    ts: time('When it was true.'),
    source_ts: orNull(time("The source's own time stamp.")),
    received_at: time('When the platform received it.'),
  },
  { $id: 'LatestValue', description: 'The last known value of a tag.' },
);

export const DeviceDetail = Type.Object(
  {
    ...deviceMembers,
    tags: Type.Array(named(Tag), { description: 'The tags of its contract.' }),
    latest: Type.Record(Type.String(), named(LatestValue), { description: 'Last known value by tag.' }),
    clock: Type.Object(
      {
        source_offset_ms: orNull(
          Type.Integer({ description: "The device's clock against its gateway's; positive = ahead, ms." }),
        ),
        gateway_offset_ms: orNull(
          Type.Integer({ description: "The gateway's clock against the platform's; positive = ahead, ms." }),
        ),
        as_of: orNull(time('When this was last measured.')),
        state: Type.Enum(['ok', 'drifting', 'unknown']),
      },
      { description: 'The clocks behind its readings; null where nothing was measured in 15 minutes.' },
    ),
  },
  { $id: 'DeviceDetail', description: 'A device with its tags and last known values.' },
);

export const AssetNode = Type.Object(
  {
    id: Type.String({ description: 'Path from the enterprise, with `/`.' }),
    kind: Type.Enum(['enterprise', 'site', 'area', 'line', 'device']),
    name: Type.String(),
    device_id: Type.Optional(Type.String()),
    device_type: Type.Optional(Type.String()),
    state: Type.Optional(DeviceState),
    devices: Type.Object({ total: count('Devices below.'), online: count('Of these, online.') }),
    worst_quality: orNull(named(WorstQuality)),
    children: Type.Array(Type.Unsafe<unknown>({ $ref: 'AssetNode#' })),
  },
  { $id: 'AssetNode', description: 'A node of the ISA-95 tree.' },
);

export const Summary = Type.Object(
  {
    as_of: time('When this was true.'),
    devices: Type.Object({
      total: count('Registered devices.'),
      online: count('Online.'),
      stale: count('Stale.'),
      offline: count('Offline.'),
      never_seen: count('Never heard of.'),
    }),
    messages_per_s: Type.Number({ description: 'Messages received a second, last 10 s.' }),
    values_per_s: Type.Number({ description: 'Tag values stored a second, last 10 s.' }),
    data_delay_ms: Type.Object({
      p50: orNull(Type.Number({ description: 'Median age of a reading on arrival, ms.' })),
      p99: orNull(Type.Number({ description: '99th percentile, ms.' })),
    }),
    gaps_open: count('Open gaps.'),
    silences_open: count('Open silences.'),
    dead_letters_24h: count('Dead letters of the last 24 hours.'),
    quality: Type.Object({
      good: count('Current tags with good quality.'),
      uncertain: count('Uncertain.'),
      bad: count('Bad.'),
    }),
    sites: Type.Array(
      Type.Object({ site: Type.String(), total: count('Devices.'), online: count('Online.') }),
    ),
  },
  { $id: 'Summary', description: "The fleet's state in one look." },
);

export const Series = Type.Object(
  {
    tag: Type.String(),
    unit: Type.String(),
    t: series(Type.Integer(), 'Epoch ms: of the reading, or the start of the interval.'),
    v: Type.Optional(series(tagValue, 'Raw values.')),
    q: Type.Optional(series(orNull(Type.Integer()), 'Quality codes of the raw values.')),
    avg: Type.Optional(series(orNull(Type.Number()), 'Average of good readings.')),
    min: Type.Optional(series(orNull(Type.Number()), 'Least good reading.')),
    max: Type.Optional(series(orNull(Type.Number()), 'Greatest good reading.')),
    count: Type.Optional(series(Type.Integer(), 'Readings in the interval.')),
    good: Type.Optional(series(Type.Integer(), 'Of these, good.')),
  },
  { $id: 'Series', description: 'One tag over time, as columns.' },
);

export const Break = Type.Object(
  {
    kind: Type.Enum(['gap', 'silence']),
    from: Type.Integer({ description: 'Epoch ms.' }),
    to: orNull(Type.Integer({ description: 'Epoch ms; null while it lasts.' })),
    cause: Type.String(),
    detail: Type.String(),
  },
  { $id: 'Break', description: 'Where a chart must not draw a line.' },
);

export const Telemetry = Type.Object(
  {
    device_id: Type.String(),
    from: time('Start, inclusive.'),
    to: time('End, exclusive.'),
    interval: Type.String({ description: '`raw`, or the length of the intervals, e.g. `10s`.' }),
    series: Type.Array(named(Series)),
    breaks: Type.Array(named(Break)),
    has_more: Type.Boolean(),
    next_from: orNull(time('Where the next page begins.')),
  },
  { $id: 'Telemetry', description: 'History of a device.' },
);

export const Gap = Type.Object(
  {
    kind: Type.Enum(['gap', 'silence'], { description: 'gap: numbers missing. silence: time without data.' }),
    from_seq: orNull(Type.Integer()),
    to_seq: orNull(Type.Integer()),
    missing: count('Messages that did not arrive.'),
    from: time('Start.'),
    to: orNull(time('End; null while it lasts.')),
    cause: Type.String(),
    evidence: Type.String({ description: 'What the cause is concluded from.' }),
    opened_at: time('When the platform noticed.'),
    closed_at: orNull(time('When it ended.')),
  },
  { $id: 'Gap', description: 'A hole in the record of a device.' },
);

export const Completeness = Type.Object(
  {
    expected: count('Numbers that the device gave out in this time.'),
    stored: count('Stored as readings.'),
    missing: count('Not arrived; may still come.'),
    dead_lettered: count('Kept as dead letters.'),
    lost: count('Reported lost by the sender.'),
    duplicates_refused: count('Arrived again and not stored twice (since the numbering began).'),
    ranges: Type.Array(
      Type.Object({
        kind: Type.Enum(['missing', 'dead_lettered', 'lost']),
        epoch: Type.Integer({ description: 'Numbering.' }),
        from_seq: Type.Integer(),
        to_seq: Type.Integer(),
      }),
      { description: 'Everything expected and not stored; at most 1,000 ranges.' },
    ),
    ranges_truncated: Type.Boolean(),
    numberings: Type.Array(
      Type.Object({
        epoch: Type.Integer({
          description: 'The numbering; a device begins a new one when it forgot its last.',
        }),
        from_seq: Type.Integer({ description: 'First number in this time.' }),
        to_seq: Type.Integer({ description: 'Last number in this time.' }),
        stored: count('Of these, stored as readings.'),
      }),
      { description: 'The numberings that reach into this time, oldest first; at most the newest 100.' },
    ),
  },
  { $id: 'Completeness', description: 'The account of every numbered message of a device.' },
);

const completenessCounts = {
  expected: count('Numbers given out in this time.'),
  stored: count('Stored as readings.'),
  missing: count('Not arrived; may still come.'),
  dead_lettered: count('Kept as dead letters.'),
  lost: count('Reported lost by the sender.'),
  duplicates_refused: count('Arrived again and not stored twice (since the numbering began).'),
  completeness: orNull(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Share of the expected numbers that arrived; null where none was expected.',
    }),
  ),
};

export const DeviceCompleteness = Type.Object(
  {
    device_id: Type.String(),
    title: Type.String({ description: 'Name for people.' }),
    device_type: Type.String(),
    site: Type.String(),
    area: Type.String(),
    line: Type.String(),
    ...completenessCounts,
  },
  { $id: 'DeviceCompleteness', description: 'The figures of one device in a time.' },
);

export const CompletenessTotals = Type.Object(
  {
    devices: count('Devices that match.'),
    reporting: count('Of these, with numbers in this time.'),
    incomplete: count('Of these, with numbers missing or lost.'),
    ...completenessCounts,
  },
  { $id: 'CompletenessTotals', description: 'The figures of all devices that match, together.' },
);

export const DeadLetter = Type.Object(
  {
    id: Type.String(),
    received_at: time('Arrival.'),
    device_id: orNull(Type.String()),
    client_id: Type.String(),
    topic: Type.String(),
    reason: Type.String({ description: 'e.g. `schema_violation`.' }),
    detail: Type.String(),
    schema_version: orNull(Type.String()),
    content_type: orNull(Type.String()),
    payload_bytes: Type.Integer({ description: 'Size on arrival, bytes.' }),
    payload: orNull(
      Type.String({ description: 'The payload where it is UTF-8 text; only for a single letter.' }),
    ),
    payload_base64: orNull(Type.String({ description: 'The payload otherwise; only for a single letter.' })),
    status: Type.Enum(['kept', 'stored', 'duplicate', 'discarded'], {
      description:
        '`kept` waits for someone; `stored` and `duplicate`: replayed; `discarded`: its payload is gone.',
    }),
    actions: Type.Array(
      Type.Object({
        at: time('When.'),
        by: Type.String({ description: 'Who.' }),
        outcome: Type.Enum(['stored', 'duplicate', 'refused', 'discarded']),
        detail: Type.String({ description: 'Why it was refused again, or why it was discarded.' }),
      }),
      { description: 'What was done with it, oldest first; only for a single letter.' },
    ),
  },
  { $id: 'DeadLetter', description: 'A message that could not become a reading.' },
);

export const Event = Type.Object(
  {
    id: Type.String(),
    ts: time('When it happened.'),
    received_at: time('When the platform learnt of it.'),
    device_id: orNull(Type.String()),
    source: Type.String({ description: 'Who said it.' }),
    type: Type.String(),
    event: Type.Unknown({ description: 'What was said; depends on the type.' }),
  },
  { $id: 'Event', description: 'What a device, a gateway or the platform said of itself.' },
);

export const Role = Type.Enum(['viewer', 'operator', 'admin'], { description: 'What one may do.' });

export const Session = Type.Object(
  {
    user: Type.Object({ id: Type.String(), name: Type.String(), role: Role }),
    tenant: Type.Object({ slug: Type.String(), title: Type.String() }),
    expires_at: orNull(time('End of the session; null where it has none.')),
  },
  { $id: 'Session', description: 'Who is signed in.' },
);

export const Token = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    role: Role,
    created_at: time('Creation.'),
    expires_at: orNull(time('End; null where it has none.')),
    last_used_at: orNull(time('Last use, to the minute.')),
  },
  { $id: 'Token', description: 'An API token, without its secret.' },
);

export const Certificate = Type.Object(
  {
    serial: Type.String({ description: 'Lower-case hex.' }),
    device_id: Type.String(),
    common_name: Type.String({ description: '`tenant::device_id`; also the MQTT client id.' }),
    fingerprint256: Type.String({ description: 'SHA-256 of the certificate, upper-case hex with colons.' }),
    not_before: time('Valid from.'),
    not_after: time('Valid to.'),
    revoked_at: orNull(time('When it was revoked.')),
    state: Type.Enum(['active', 'expiring', 'expired', 'revoked']),
  },
  { $id: 'Certificate', description: "A device's or gateway's certificate." },
);

/** Every named schema, in the order they refer to each other. */
export const namedSchemas: readonly TSchema[] = [
  Problem,
  WorstQuality,
  Device,
  Tag,
  LatestValue,
  DeviceDetail,
  AssetNode,
  Summary,
  Series,
  Break,
  Telemetry,
  Gap,
  Completeness,
  DeviceCompleteness,
  CompletenessTotals,
  DeadLetter,
  Event,
  Session,
  Token,
  Certificate,
];

/** A page of a list. */
export function pageSchema<T extends TSchema>(item: T) {
  return Type.Object({
    items: Type.Array(named(item)),
    next_cursor: orNull(Type.String({ description: 'Pass it on as `cursor` for the next page.' })),
    has_more: Type.Boolean(),
    total_count: Type.Optional(count('Rows of all pages.')),
  });
}

export const cursorQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Rows a page.' }),
  ),
  cursor: Type.Optional(Type.String({ maxLength: 1000, description: '`next_cursor` of the page before.' })),
};

export const deviceIdParams = strict({
  device_id: Type.String({ maxLength: 64, description: 'Device id.' }),
});

export const rangeQuery = {
  from: Type.String({ maxLength: 40, description: 'Start, inclusive: RFC 3339 or epoch ms.' }),
  to: Type.String({ maxLength: 40, description: 'End, exclusive: RFC 3339 or epoch ms.' }),
};
